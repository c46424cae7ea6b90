"""The Catchment's events out: EventBridge."""

from __future__ import annotations

import json

from duckstring.adapters.aws.clients import Clients
from duckstring.engine.effects import Announce
from duckstring.errors import TransientError
from duckstring.model.events import ALERT_TYPE, POND_TYPE, SOURCE, AlertDetail, PondDetail
from duckstring.model.foreign import readable
from duckstring.model.instants import to_text
from duckstring.model.limits import MESSAGE, within
from duckstring.model.names import Line, parse_line, run_key
from duckstring.model.settings import Settings


class EventBus:
    """``ports.Bus``. Delivery is at least once: ``key`` in the detail identifies a repeated
    event.
    """

    def __init__(self, clients: Clients, settings: Settings) -> None:
        """Announce on the bus that ``settings`` names."""
        self._clients, self._settings = clients, settings

    def announce(self, line: Line, version: str, event: Announce, key: str) -> None:
        """Put one ``duckstring.pond`` event on the bus.

        Raises:
            TransientError: EventBridge did not take it.
        """
        pond, major = parse_line(line)
        detail: PondDetail = {
            "catchment": self._settings.need("catchment"),
            "pond": pond,
            "major": major,
            "version": version,
            "f": to_text(event.f),
            "state": event.event,
            "previous": event.previous,
            "key": key,
        }
        if event.run:
            detail["run"] = run_key(line, event.run)
        if event.reason:
            detail["error"] = within(readable(event.reason), MESSAGE)
        if event.warnings:
            detail["warnings"] = list(event.warnings)
        if event.by:
            detail["by"] = event.by
        if event.note:
            detail["note"] = event.note
        self._put(POND_TYPE, detail, line)

    def page(self, detail: AlertDetail) -> None:
        """Put one ``duckstring.alert`` event on the bus.

        Raises:
            TransientError: EventBridge did not take it.
        """
        self._put(ALERT_TYPE, detail, detail["line"])

    def _put(self, kind: str, detail: PondDetail | AlertDetail, line: str) -> None:
        answer = self._clients.events.put_events(
            Entries=[
                {
                    "Source": SOURCE,
                    "DetailType": kind,
                    "Detail": json.dumps(detail),
                    "EventBusName": self._settings.need("bus"),
                }
            ]
        )
        if answer.get("FailedEntryCount"):
            raise TransientError(
                f"The bus refused an event of {line}: "
                f"{answer['Entries'][0].get('ErrorMessage', '')}"
            )
