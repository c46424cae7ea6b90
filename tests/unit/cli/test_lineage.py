"""``duckstring lineage`` and ``duckstring trace``: what is asked, and what is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from duckstring_cli import origins
from duckstring_cli.origins import Origin
from tests.unit.cli.commands_kit import Bench

F = "2030-01-01T12:00:00.000000Z"


def read(ref: str, run: int = 1, ripple: str = "load", *, sure: bool = True) -> dict[str, object]:
    line, _, table = ref.rpartition(".")
    return {
        "line": line, "table": table, "sure": sure, "run": f"{line}/{run}", "ripple": ripple,
    }  # fmt: skip


def node(ref: str, *reads: dict[str, object], **more: object) -> dict[str, object]:
    line, _, table = ref.rpartition(".")
    made = {
        "line": line, "table": table, "ripple": "load", "run": f"{line}/1", "version": "1.0.0",
        "f": F, "recorded": "yes", "reads": list(reads), "open": False, "left_off": 0,
    }  # fmt: skip
    return {**made, **more}


def answered(*nodes: dict[str, object], left_off: int = 0) -> dict[str, object]:
    return {"line": "sales@1", "f": F, "nodes": list(nodes), "left_off": left_off}


CHAIN = answered(
    node("sales@1.orders", read("raw@1.orders"), read("raw@1.notes", sure=False)),
    node("raw@1.orders"),
    node("reports@1.daily", read("sales@1.orders")),
)


def names(out: str) -> list[str]:
    """The first column."""
    found = (re.match(r" *\S+(?: \S+)*", line) for line in out.splitlines()[1:])
    return [one[0] for one in found if one]


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["sales"], {"pond": "sales", "up": 1, "down": 1}),
        (["sales.orders"], {"pond": "sales", "table": "orders", "up": 1, "down": 1}),
        (["sales", "--up"], {"pond": "sales", "up": 5000, "down": 0}),
        (["sales", "--down"], {"pond": "sales", "up": 0, "down": 5000}),
        (["sales", "--up", "--down"], {"pond": "sales", "up": 5000, "down": 5000}),
        (["sales", "-m", "2"], {"pond": "sales", "major": 2, "up": 1, "down": 1}),
        (["sales", "-v", "2.1.0"], {"pond": "sales", "major": 2, "up": 1, "down": 1}),
    ],
)
def test_what_is_asked_for_is_what_was_typed(
    bench: Bench, words: list[str], asked: dict[str, object]
) -> None:
    bench.answers({"lineage": CHAIN})
    assert bench.run("lineage", *words)[0] == 0
    (request,) = bench.asked
    assert {key: value for key, value in request.items() if key not in {"op", "schema"}} == asked


def test_a_table_is_shown_with_what_it_comes_from_and_what_comes_of_it(bench: Bench) -> None:
    bench.answers({"lineage": CHAIN})
    code, out, err = bench.run("lineage", "sales")
    assert code == 0
    assert names(out) == [
        "sales@1.orders",
        "  from raw@1.orders",
        "  from (perhaps) raw@1.notes",
        "  to reports@1.daily",
    ]
    assert "fresh as of 2030-01-01 12:00:00Z" in err


def test_json_is_the_answer(bench: Bench) -> None:
    bench.answers({"lineage": CHAIN})
    assert json.loads(bench.run("lineage", "sales", "--json")[1]) == CHAIN


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"recorded": "gone"}, "from: no longer kept"),
        ({"recorded": "no"}, "from: not recorded"),
        ({}, "from no table of a Pond"),
        ({"open": True}, "perhaps from any table that its Ripple can see"),
        ({"left_off": 3, "open": True}, "and from 3 tables more"),
    ],
)
def test_what_is_not_known_is_said(bench: Bench, more: dict[str, object], said: str) -> None:
    bench.answers({"lineage": answered(node("sales@1.orders", **more))})
    assert f"  {said}\n" in bench.run("lineage", "sales")[1]


def test_a_table_that_comes_twice_is_followed_once_and_circles_end(bench: Bench) -> None:
    bench.answers(
        {
            "lineage": answered(
                node("sales@1.a", read("sales@1.b"), read("sales@1.c")),
                node("sales@1.b", read("sales@1.d")),
                node("sales@1.c", read("sales@1.b"), read("sales@1.a")),
                node("sales@1.d"),
            )
        }
    )
    assert names(bench.run("lineage", "sales.a", "--up")[1]) == [
        "sales@1.a",
        "  from sales@1.b",
        "    from sales@1.d",
        "  from sales@1.c",
        "    from sales@1.b (above)",
        "    from sales@1.a (above)",
    ]


def test_a_chain_of_2000_tables_is_shown(bench: Bench) -> None:
    chain = [node(f"sales@1.t{n}", read(f"sales@1.t{n + 1}")) for n in range(2000)]
    bench.answers({"lineage": answered(*chain)})
    code, out, _ = bench.run("lineage", "sales.t0", "--up")
    assert code == 0
    assert len(out.splitlines()) == 2002
    assert "[2000] from sales@1.t2000" in out


def test_too_many_tables_and_ponds_without_any_are_told(bench: Bench) -> None:
    bench.answers({"lineage": answered(node("sales@1.t"), left_off=7)})
    assert "7 tables were not looked at" in bench.run("lineage", "sales")[2]
    bench.answers({"lineage": answered()})
    assert bench.run("lineage", "sales")[:2] == (0, "")


def test_text_of_others_does_nothing_to_a_terminal(bench: Bench) -> None:
    odd = node("sales@1.t", {**read("raw@1.x"), "table": "\x1b[2Jx", "ripple": "\x1b]0;y\x07"})
    bench.answers({"lineage": answered(odd)})
    assert "\x1b" not in bench.run("lineage", "sales")[1]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("sales@one", "POND is a Pond's name or its line, found 'sales@one'."),
        ("sales@.orders", "POND is a Pond's name or its line, found 'sales@'."),
        ("sales.", "POND[.TABLE] is a Pond, or a Pond and one of its tables, found 'sales.'."),
        (".orders", "POND[.TABLE] is a Pond, or a Pond and one of its tables"),
        ("a.b.c", "POND[.TABLE] is a Pond, or a Pond and one of its tables"),
        ("", "POND[.TABLE] is a Pond, or a Pond and one of its tables"),
    ],
)
def test_a_word_that_names_no_pond_is_refused(bench: Bench, word: str, said: str) -> None:
    code, out, err = bench.run("lineage", word)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {said}")
    assert bench.asked == []


def old(request: Mapping[str, object]) -> Mapping[str, Any]:
    if request["op"] == "tables":
        return {"ok": True, "result": TABLES}
    fault = {"type": "OperatorError", "message": f"No operation '{request['op']}'; allowed: ..."}
    return {"ok": False, "error": fault}


def test_a_catchment_of_a_release_without_lineage_is_told_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(monkeypatch, Origin("1-load-1", 1, is_exact=True))
    bench.answers(old)
    for words in (["lineage", "sales"], ["trace", "sales", "orders"]):
        code, out, err = bench.run(*words)
        assert (code, out) == (1, "")
        assert "is of a release that keeps no lineage" in err


TABLES = {
    "line": "sales@1",
    "f": F,
    "snapshot": 9,
    "dropped": [],
    "tables": [{"table": "orders", "uri": "s3://b/x", "rows": 3, "bytes": 9, "parts": []}],
}


def found(monkeypatch: pytest.MonkeyPatch, *rows: Origin) -> list[str | None]:
    """What DuckDB counts, and the conditions that it is asked to count by."""
    asked: list[str | None] = []

    def count(_catchment: object, _row: object, where: str | None) -> list[Origin]:
        asked.append(where)
        return list(rows)

    monkeypatch.setattr(origins, "find_origins", count)
    return asked


def attempt(name: str, *reads: dict[str, object], **more: object) -> dict[str, object]:
    line, _, writer = name.partition("/")
    run, ripple, number = writer.split("-")
    made = {
        "id": name, "run": f"{line}/{run}", "ripple": ripple, "attempt": int(number), "steps": 0,
        "run_kept": True, "f": F, "version": "1.2.0", "package": "abcdef0123456789" * 4,
        "started": F, "finished": F, "recorded": "yes", "reads": list(reads), "open": False,
        "left_off": 0,
    }  # fmt: skip
    return {**made, **more}


def traced(*attempts: dict[str, object], left_off: int = 0) -> dict[str, object]:
    return {
        "tables": TABLES,
        "trace": {"line": "sales@1", "attempts": list(attempts), "left_off": left_off},
    }


RAW = {
    "line": "raw@1", "table": "orders", "sure": True, "snapshot": 55,
    "writers": ["raw@1/50-load-1", "raw@1/54-load-2", "raw@1/54-fill-1"], "earlier": False,
}  # fmt: skip


def test_rows_are_counted_by_run_and_followed_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = found(
        monkeypatch,
        Origin("40-load-1", 3, is_exact=False),
        Origin("40-load-1", 1, is_exact=True),
        Origin("41-load-2", 2, is_exact=True),
    )
    bench.answers(
        traced(
            attempt("sales@1/40-load-1", RAW),
            attempt("sales@1/41-load-2", {**RAW, "sure": False, "writers": []}),
            attempt("raw@1/50-load-1", {**RAW, "earlier": True}),
        )
    )
    code, out, err = bench.run("trace", "sales", "orders", "--where", "id = 7", "--depth", "4")
    assert (code, asked) == (0, ["id = 7"])
    assert bench.asked[-1]["writers"] == ["40-load-1", "41-load-2"]
    assert bench.asked[-1]["depth"] == 4
    rows = [line.split() for line in out.splitlines()[1:4]]
    assert [row[:4] for row in rows] == [
        ["3", "sales@1/40", "or", "before"],
        ["1", "sales@1/40", "load", "1.2.0"],
        ["2", "sales@1/41", "load", "(attempt"],
    ]
    assert "  read raw@1.orders at snapshot 55, written by raw@1/50, 54 load; raw@1/54 fill" in out
    assert "raw@1/50, 54 load; raw@1/54 fill\n" in out
    assert (
        "  read orders at snapshot 55, written by raw@1/50, 54 load; raw@1/54 fill and earlier"
        in out
    )
    assert "  may have read raw@1.orders at snapshot 55\n" in out
    assert "raw@1/50 load 1.2.0 · package abcdef012345 · fresh as of 2030-01-01 12:00:00Z" in out
    assert "6 rows of sales@1 orders, snapshot 9" in err
    assert "or before: these rows lie in an object that earlier ones were folded into" in err


def test_what_is_gone_or_was_not_recorded_is_said_of_each_attempt(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(monkeypatch, Origin("1-load-1", 1, is_exact=True), Origin("2-load-1", 1, is_exact=True))
    gone = {"run_kept": False, "recorded": "gone", "f": None, "version": None, "package": None}
    bench.answers(
        traced(
            attempt("sales@1/1-load-1", **gone),
            attempt("sales@1/2-load-1", recorded="no", package=None),
            attempt("raw@1/3-load-1", open=True, left_off=2),
            left_off=1,
        )
    )
    _, out, err = bench.run("trace", "sales", "orders")
    assert out.splitlines()[1].split() == [
        *("1", "sales@1/1", "load"),
        *("not", "kept") * 3,
    ]
    assert "load    1.2.0     not recorded" in out
    assert "what it has read is no longer kept" in out
    assert "what it has read was not recorded" in out
    assert "may have read any other table that it could see" in out
    assert "and 2 tables more, for which its record had no room" in out
    assert "1 attempt further up left out" in err


def test_json_of_a_trace_has_the_origins_and_the_attempts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(monkeypatch, Origin("1-load-1", 2, is_exact=True))
    bench.answers(traced(attempt("sales@1/1-load-1")))
    told = json.loads(bench.run("trace", "sales", "orders", "--where", "true", "--json")[1])
    assert told["origins"] == [{"rows": 2, "exact": True, "attempt": "sales@1/1-load-1"}]
    assert (told["rows"], told["where"], told["snapshot"]) == (2, "true", 9)
    assert [one["id"] for one in told["attempts"]] == ["sales@1/1-load-1"]


def test_where_no_row_is_found_nothing_is_asked_further(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(monkeypatch)
    bench.answers({"tables": TABLES})
    code, out, err = bench.run("trace", "sales", "orders", "--where", "false")
    assert (code, out) == (0, "")
    assert "No row of orders fulfils the condition." in err
    assert [one["op"] for one in bench.asked] == ["tables"]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("", "--where is empty."),
        (" ", "--where is empty."),
        ("id = 7;", '--where is not one expression: syntax error at or near ";"'),
        ("id = 7; DROP TABLE orders", "--where is not one expression;"),
        ("1; SELECT 2", "--where is not one expression;"),
        ("1) OR (1", '--where is not one expression: syntax error at or near ")"'),
        ("id = 7 FROM x", '--where is not one expression: syntax error at or near "FROM"'),
        ("id, name", "--where is not one expression;"),
        ("1 UNION SELECT 1", "--where is not one expression"),
        ("id = 7 /*", "--where is not one expression: unterminated /* comment"),
        ("id = 'x", "--where is not one expression: unterminated quoted string"),
        ("id IN (SELECT 1)", "--where has a SELECT in it;"),
        ("EXISTS (FROM read_csv('/etc/passwd'))", "--where has a SELECT in it;"),
        ("id = ?", "--where has a parameter (? or $1);"),
        ("id = $x", "--where has a parameter (? or $1);"),
        ("*", "--where has a *;"),
        ("COLUMNS(*) = 1", "--where has a *;"),
        ("row_number() OVER () = 1", "--where has a function OVER (...);"),
        ("\ud800", "--where is not UTF-8 text."),
    ],
)
def test_a_condition_that_is_not_one_expression_is_refused_before_anything_is_asked(
    bench: Bench, where: str, said: str
) -> None:
    code, out, err = bench.run("trace", "sales", "orders", "--where", where)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {said}")
    assert bench.asked == []


@pytest.mark.parametrize(
    "where",
    ["id = 7", "id = 7 -- a comment", "name LIKE '%;%'", "true", "x IN (1, 2)", "a.b['c'] > 1"],
)
def test_one_expression_is_taken(bench: Bench, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    asked = found(monkeypatch)
    bench.answers({"tables": TABLES})
    assert bench.run("trace", "sales", "orders", "--where", where)[0] == 0
    assert asked == [where]


def test_a_trace_of_the_past_asks_for_the_snapshot_of_then(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(monkeypatch)
    then = {"now": F, "f": F, "snapshots": [{**TABLES, "schema": "sales@1"}]}
    bench.answers({"snapshots": then})
    words = ["trace", "sales", "orders", "--at", "2030-01-01T11:00", "-m", "1"]
    assert bench.run(*words)[0] == 0
    (request,) = bench.asked
    assert request["schemas"] == ["sales@1"]
    assert request["at"] == "2030-01-01T11:00:00.000000Z"
    assert bench.run("trace", "sales", "nope", "--at", "2030-01-01T11:00")[0] == 2
