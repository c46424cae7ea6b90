"""What the Catchment refuses as misuse has the exit code of misuse, by the name of its error."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from duckstring.api.arrival import remove
from duckstring.api.limits import NoSuchLimitError
from duckstring.api.requests import TagRequest
from duckstring.api.tag import tag
from duckstring.errors import OperatorError
from duckstring.model import staleness
from duckstring.model.names import Line
from duckstring_cli.errors import CatchmentRefusedError, exit_code
from tests.unit.api.world import Operators, ShelfCatalog, graph, release


def raises_no_limit() -> None:
    raise NoSuchLimitError("databrick", {"databricks"})


def removes_no_arrival_rule() -> None:
    class NoRules:
        def of_line(self, line: Line) -> tuple[()]:
            return ()

    remove(Line("sales@1"), "landing", arrivals=NoRules())


def tags(**asked: object) -> Callable[[], object]:
    catalog = ShelfCatalog(graph(release("sales@1")))
    return lambda: tag(TagRequest("sales", **asked), catalog=catalog, operated=Operators())


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (raises_no_limit, 2),
        (removes_no_arrival_rule, 2),
        (tags(remove=["team"]), 2),
        (tags(put={f"k{number}": "1" for number in range(11)}), 1),
        (lambda: staleness.read({"at": "6:00"}), 2),
        (lambda: staleness.read({"at": "06:00", "tz": "Berlin"}), 2),
        (lambda: staleness.read("2h"), 2),
    ],
)
def test_the_exit_code_of_a_refusal_tells_misuse_from_no(
    call: Callable[[], object], code: int
) -> None:
    with pytest.raises(OperatorError) as refused:
        call()
    told = CatchmentRefusedError(type=type(refused.value).__name__, message="no", hint="")
    assert exit_code(told) == code
