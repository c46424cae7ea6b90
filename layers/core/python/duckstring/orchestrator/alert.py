"""One page for each root cause, and one when it is over. Rules: docs/operate.md, "Alerts".

An event of a line only says that something about it may have changed: what is true is in the line's
state. So events that come twice, late or in another order change nothing. What has been told is
kept (``model/incidents.py``): a page is written down before it is sent, and marked when it was.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from duckstring.engine.state import PondState
from duckstring.errors import StateConflictError
from duckstring.model.catalog import Release
from duckstring.model.events import AlertDetail, Trouble
from duckstring.model.graph import lines_above, lines_blocked_by
from duckstring.model.incidents import Incident, Told
from duckstring.model.instants import to_text
from duckstring.model.names import Line, parse_line
from duckstring.model.values import replace
from duckstring.orchestrator.pages import About, recovery_page, trouble_page
from duckstring.ports import Clock, StateReader

STATES = ("failed", "killed", "recovered", "stale", "fresh")
"""Of a line's events, those after which somebody may have to know of something."""
_TROUBLES: tuple[Trouble, ...] = ("failed", "stale")
_MOST_READ = 500
"""States of other lines that are read for one page."""
_GIVEN_UP = timedelta(minutes=5)
"""Who has written a page down and has not sent it by then has died, and is not tried again."""
_LOOKS = 5
"""At a line, for one event. A look that has changed what is told is followed by another: the event
of a change of the line's state meanwhile may have found nothing to change yet.
"""

_log = logging.getLogger("duckstring.alerts")


class Incidents(Protocol):
    """What has been told of each line."""

    def read(self, line: Line) -> Told:
        """What is told of it, read consistently."""

    def write(self, told: Told) -> Told:
        """Replace what was read. Returns what is there now.

        Raises:
            StateConflictError: somebody else has changed it since.
        """


class Pages(Protocol):
    """The bus, for pages."""

    def page(self, detail: AlertDetail) -> None:
        """Put one page on the bus."""


class Deployed(Protocol):
    """The catalog, as far as it is needed."""

    def releases(self) -> Mapping[Line, Release]:
        """The selected release of every line."""


@dataclass(frozen=True, slots=True)
class AlertPorts:
    """What it needs."""

    catchment: str
    catalog: Deployed
    states: StateReader
    incidents: Incidents
    pages: Pages
    clock: Clock


def tell(event: Mapping[str, object], ports: AlertPorts) -> tuple[str, ...]:
    """Look at the line that an event of the bus is about, and send what somebody must know.

    Returns:
        The titles of the pages that were sent.

    Raises:
        StateConflictError: many events of the line were looked at, at once.
    """
    line, word = _subject(event)
    if line is None:
        _log.warning("event dropped", extra={"event_id": event.get("id")})
        return ()
    by, may_be_stale, titles = str(event.get("id") or ""), word == "stale", list[str]()
    for _ in range(_LOOKS):
        try:
            look = _Look(line, by, ports, may_be_stale=may_be_stale)
            titles += look.titles()
        except StateConflictError:
            continue
        if not look.changed:
            return tuple(titles)
        may_be_stale = may_be_stale or "stale" in look.changed
    raise StateConflictError(f"What is told of {line} was changed {_LOOKS} times.")


def _subject(event: Mapping[str, object]) -> tuple[Line | None, str]:
    detail = event.get("detail")
    if not isinstance(detail, Mapping):
        return None, ""
    try:
        line = Line(f"{detail.get('pond')}@{detail.get('major')}")
        parse_line(line)
    except ValueError:
        return None, ""
    return line, str(detail.get("state"))


class _Look:
    """One look at a line. ``may_be_stale``: only the event that says so opens that page. When a
    root cause is over, what it has blocked is stale until it has run, and is named in that page.
    ``changed``: the troubles of which something else is told after it.
    """

    def __init__(self, line: Line, by: str, ports: AlertPorts, *, may_be_stale: bool) -> None:
        self._line, self._by, self._ports = line, by, ports
        self._may_be_stale = may_be_stale
        self.changed: set[Trouble] = set()
        self._now = ports.clock.now()
        self._told = ports.incidents.read(line)
        seen = ports.states.read([line]).get(line)
        self._state = seen.state if seen else PondState(line)

    def titles(self) -> tuple[str, ...]:
        pages = [self._settle(trouble) for trouble in _TROUBLES]
        return tuple(page["title"] for page in pages if page is not None)

    def _settle(self, trouble: Trouble) -> AlertDetail | None:
        held = self._told.incidents.get(trouble)
        wanted = self._wanted(trouble, held)
        if wanted is held:
            return None
        self._put(trouble, wanted)
        self.changed.add(trouble)
        if wanted is None or wanted.sent:
            return None
        page = self._page(trouble, wanted)
        self._ports.pages.page(page)
        self._mark_sent(trouble)
        return page

    def _wanted(self, trouble: Trouble, held: Incident | None) -> Incident | None:
        """What is to be told after this look. One that is not sent yet is a page to send."""
        is_so = self._is_so(trouble)
        if held is None:
            opens = is_so and (trouble == "failed" or self._is_root())
            return Incident(self._now, self._by, self._now) if opens else None
        mine = replace(held, by=self._by, at=self._now, sent=False)
        if held.sent:  # a trouble that was told
            return held if is_so else replace(mine, over=True)
        is_being_sent = held.by != self._by and self._now - held.at < _GIVEN_UP
        if held.over:
            if is_so:  # it is another one; the end of the one before may be out
                return Incident(self._now, self._by, self._now)
            return held if is_being_sent else mine
        if is_so:
            return held if is_being_sent else mine
        return replace(mine, over=True)  # the page may be out

    def _is_so(self, trouble: Trouble) -> bool:
        state = self._state
        if state.release is None:
            return False
        if trouble == "failed":
            return state.health != "ok"
        return state.watch is not None and state.watch.is_stale

    def _is_root(self) -> bool:
        """Whether no other page says why the line is stale."""
        state = self._state
        if not self._may_be_stale or state.health != "ok":
            return False
        if state.down is not None and state.down.why != "removed":
            return False
        releases = self._ports.catalog.releases()
        above = lines_above(self._line, releases) & releases.keys()
        return not self._stale_of(above)

    def _put(self, trouble: Trouble, incident: Incident | None) -> None:
        incidents = {held: one for held, one in self._told.incidents.items() if held != trouble}
        if incident is not None:
            incidents[trouble] = incident
        self._told = self._ports.incidents.write(replace(self._told, incidents=incidents))

    def _mark_sent(self, trouble: Trouble) -> None:
        """The page is out, whatever else has changed meanwhile. One that says that it is over is
        forgotten.
        """
        while (held := self._told.incidents.get(trouble)) and held.by == self._by:
            try:
                self._put(trouble, None if held.over else replace(held, sent=True))
            except StateConflictError:
                self._told = self._ports.incidents.read(self._line)
            else:
                return

    def _page(self, trouble: Trouble, incident: Incident) -> AlertDetail:
        releases = self._ports.catalog.releases()
        blocks = lines_blocked_by(self._line, releases)
        stale = self._stale_of(blocks)
        if self._is_so("stale"):
            stale = {*stale, self._line}
        release = self._state.release
        about = About(
            self._state,
            trouble,
            incident.since,
            release.version if release else "",
            blocks,
            stale,
        )
        word = "recovered" if incident.over else trouble
        key = f"{self._line}:{trouble}:{to_text(incident.since)}:{word}"
        if incident.over:
            return recovery_page(about, self._ports.catchment, key, self._now)
        return trouble_page(about, self._ports.catchment, key)

    def _stale_of(self, lines: Collection[Line]) -> set[Line]:
        seen = self._ports.states.read(sorted(lines)[:_MOST_READ])
        return {
            line
            for line, one in seen.items()
            if one.state.watch is not None and one.state.watch.is_stale
        }
