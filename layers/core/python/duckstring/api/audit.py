"""Who did what: the changes that somebody has asked for, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duckstring.api.requests import AuditRequest
from duckstring.errors import OperatorError
from duckstring.model.audits import Audit, AuditFilter, is_arn
from duckstring.model.find import find_ever_deployed
from duckstring.model.instants import Instant, from_text, to_text
from duckstring.model.names import parse_line
from duckstring.ports import Catalog, Clock, Removals

if TYPE_CHECKING:
    from duckstring.api.ports import Audits
    from duckstring.model.answers.common import AuditRow
    from duckstring.model.answers.operated import AuditAnswer


def audit(
    asked: AuditRequest, *, catalog: Catalog, removals: Removals, audits: Audits, clock: Clock
) -> AuditAnswer:
    """What was asked of one Pond, or of anything in the Catchment.

    Raises:
        OperatorError: the Pond was never deployed, or an instant is none.
    """
    only = AuditFilter(
        _instant("since", asked.since),
        _instant("before", asked.before),
        asked.by or "",
        asked.limit,
    )
    if asked.pond is None:
        found = audits.of_all(clock.now(), only)
    else:
        line = find_ever_deployed(catalog, removals, asked.pond)
        found = audits.of_pond(parse_line(line)[0], only)
    more = len(found) == asked.limit
    return {
        "entries": [told(one) for one in found],
        "next": to_text(found[-1].said.at) if more else None,
    }


def told(audit: Audit) -> AuditRow:
    """In the form of docs/protocol.md."""
    return {
        "at": to_text(audit.said.at),
        "by": audit.said.by or None,
        "proven": is_arn(audit.said.by),
        "via": audit.via or None,
        "what": audit.what,
        "ponds": list(audit.ponds),
        "note": audit.said.note or None,
        "request": audit.request,
        "refused": audit.refused or None,
    }


def _instant(name: str, text: str | None) -> Instant | None:
    try:
        return from_text(text) if text else None
    except ValueError as error:
        raise OperatorError(f"{name}: {error}.") from error
