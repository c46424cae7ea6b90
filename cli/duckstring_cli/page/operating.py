"""What the page does for who operates a Catchment: maintenance, limits, bounds, tags, alerts, and
what waits in a backlog. All of it is what the command does, with the user's own rights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from duckstring.model.answers.changes import (
    LimitAnswer,
    PriorityAnswer,
    StaleAnswer,
    WaitingObject,
)
from duckstring.model.answers.operated import MaintenanceAnswer, TagAnswer
from duckstring_cli.client import Client
from duckstring_cli.errors import BadInputError
from duckstring_cli.page import bodies
from duckstring_cli.page.bodies import Body
from duckstring_cli.page.operations import parsed_line

if TYPE_CHECKING:
    from duckstring_cli.alerting.recipients import Recipient
    from duckstring_cli.alerting.store import Alert, AlertStore

_MOST_OBJECTS = 50
_PATIENCE = 5.0
"""Seconds for a page that comes back."""


class BacklogTold(TypedDict):
    """How many objects wait for a line's Ripples, and the oldest of them."""

    line: str
    waiting: int
    objects: list[WaitingObject]


class AlertTold(TypedDict):
    """One alert. ``to``: a host, or the address of a mailbox; never a whole URL."""

    name: str
    kind: str
    to: str
    on: Sequence[str]
    ponds: Sequence[str]
    state: str


class AlertsTold(TypedDict):
    """Who is told of what."""

    alerts: list[AlertTold]


class TrialTold(TypedDict):
    """A trial page. ``error``: why it was not delivered; null: as far as is known, it was."""

    name: str
    error: str | None


def backlog(client: Client, wanted: str) -> BacklogTold:
    """The objects that arrived for a line and wait, the oldest first, as many as a panel shows."""
    pond, major = parsed_line(wanted)
    answer = client.backlog(pond, major=major)
    return {
        "line": answer["line"],
        "waiting": answer["waiting"],
        "objects": answer["objects"][:_MOST_OBJECTS],
    }


def maintenance(client: Client, body: Body) -> MaintenanceAnswer:
    """New runs are held in the whole Catchment, or start again."""
    return client.maintenance(bodies.one_of(body, "action", ("on", "off")))


def limit(client: Client, body: Body) -> LimitAnswer:
    """A limit is set, or removed."""
    name = bodies.text(body, "name")
    if bodies.one_of(body, "action", ("set", "remove")) == "remove":
        return client.limit("remove", name)
    return client.limit("set", name, bodies.whole(body, "tokens", least=0))


def priority(client: Client, body: Body) -> PriorityAnswer:
    """The priority of a line's claims at limits."""
    pond, major = parsed_line(bodies.text(body, "line"))
    return client.priority(pond, bodies.whole(body, "priority", least=0), major=major)


def stale(client: Client, body: Body) -> StaleAnswer:
    """How old a line's data may be: ``set`` with a bound, or ``tide``."""
    pond, major = parsed_line(bodies.text(body, "line"))
    if bodies.one_of(body, "action", ("set", "tide")) == "tide":
        return client.stale(pond, "tide", major=major)
    bound = body.get("bound")
    if not isinstance(bound, dict):
        raise BadInputError("bound: an object is needed.")
    return client.stale(pond, "set", major=major, bound=bound)


def tag(client: Client, body: Body) -> TagAnswer:
    """Tags of a line's Pond: some are set, some removed."""
    pond, _ = parsed_line(bodies.text(body, "line"))
    put = body.get("put")
    if put is not None and not isinstance(put, dict):
        raise BadInputError("put: an object is needed, such as {team: sales}.")
    remove = bodies.texts(body, "remove")
    if not put and not remove:
        raise BadInputError("put, remove: give at least one tag.")
    return client.tag(pond, put=put, remove=remove)


def alerts(client: Client) -> AlertsTold:
    """Who is told of what."""
    return {"alerts": [_told(one) for one in _store(client).all()]}


def alert(client: Client, body: Body) -> AlertsTold | TrialTold:
    """An alert is added, tested or removed."""
    match bodies.one_of(body, "action", ("add", "test", "remove")):
        case "add":
            return _added(client, body)
        case "test":
            return _tested(client, bodies.text(body, "name"))
        case _:
            store = _store(client)
            store.remove(store.find(bodies.text(body, "name")).name)
            return {"alerts": [_told(one) for one in store.all()]}


def _added(client: Client, body: Body) -> AlertsTold:
    from duckstring_cli.alerting import adding
    from duckstring_cli.alerting.recipients import wanted

    recipient = _recipient(body)
    on = bodies.texts(body, "on")
    asked = wanted(",".join(on) if on is not None else None, bodies.texts(body, "ponds") or None)
    store = _store(client)
    adding.add(store, recipient, asked, bodies.optional_text(body, "name"))
    return {"alerts": [_told(one) for one in store.all()]}


def _recipient(body: Body) -> Recipient:
    from duckstring_cli.alerting.recipients import Recipient, check_header

    to, header, value = (
        (bodies.optional_text(body, name) or "").strip() for name in ("to", "header", "value")
    )
    if not to:
        raise BadInputError("to: a web address or a mailbox is needed.")
    match bodies.one_of(body, "kind", ("slack", "webhook", "email")):
        case "email":
            return Recipient("email", to)
        case "slack":
            return Recipient("slack", to)
        case _:
            if value and not header:
                raise BadInputError("header: its name is needed, such as Authorization.")
            if header:
                check_header(header)
            return Recipient("webhook", to, header, value)


def _tested(client: Client, name: str) -> TrialTold:
    from duckstring_cli.alerting.trial import tried

    store = _store(client)
    error = tried(store, store.find(name), client.catchment.name, patience=_PATIENCE)
    return {"name": name, "error": error or None}


def _store(client: Client) -> AlertStore:
    from duckstring_cli.alerting.store import AlertStore

    return AlertStore.of(client.catchment)


def _told(one: Alert) -> AlertTold:
    told: Any = one.to_json()
    found: AlertTold = told
    return found
