"""Objects that arrived for a line and wait for its Ripples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duckstring.api.requests import BacklogRequest
from duckstring.engine.arrivals import waiting
from duckstring.engine.state import PondState
from duckstring.model.find import find_deployed
from duckstring.model.instants import to_text
from duckstring.ports import Backlog, Catalog, StateReader

if TYPE_CHECKING:
    from duckstring.model.answers.changes import BacklogAnswer

_PAGE = 1_000


def backlog(
    asked: BacklogRequest, *, catalog: Catalog, states: StateReader, kept: Backlog
) -> BacklogAnswer:
    """The objects that wait, the oldest first, a thousand at a time.

    Raises:
        PondNotFoundError: no such Pond.
    """
    line = find_deployed(catalog, asked.pond, asked.major).line
    seen = states.read([line]).get(line)
    state = seen.state if seen else PondState(line)
    count = waiting(state)
    after = max(state.arrived - count, asked.after or 0)
    page = kept.page(line, after=after, upto=state.arrived, most=_PAGE)
    answer: BacklogAnswer = {
        "line": line,
        "waiting": count,
        "objects": [
            {
                "number": one.number,
                "uri": one.found.uri,
                "size": one.found.size,
                "arrived": to_text(one.at),
            }
            for one in page
        ],
    }
    if len(page) == _PAGE and page[-1].number < state.arrived:
        answer["next"] = page[-1].number
    return answer
