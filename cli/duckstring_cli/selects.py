"""The one rule for SQL of users: one SELECT, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from duckstring.model.sql import literal
from duckstring_cli.errors import BadInputError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def one_select(sql: str) -> str:
    """The one SELECT in ``sql``, without what follows it. FROM, WITH, PIVOT, DESCRIBE, SHOW and
    SUMMARIZE are SELECTs.

    Raises:
        BadInputError: it is another statement, several, or none. Nothing has run.
    """
    import duckdb

    try:
        # Where the locale is not UTF-8, Python keeps the bytes of an argument as lone surrogates.
        sql = sql.encode("utf-8", "surrogateescape").decode("utf-8")
        found = duckdb.extract_statements(sql)
    except UnicodeError as error:
        raise BadInputError("The SQL is not UTF-8 text.") from error
    except duckdb.Error as error:
        raise BadInputError(str(error).strip()) from error
    if "\0" in sql:  # DuckDB reads up to there, or does not, from one function to the next
        raise BadInputError("The SQL has a NUL character in it.", hint="Remove it.")
    # PIVOT is a SELECT and a CREATE TYPE before it that the parser adds, without a text.
    kinds = [one.type.name for one in found if one.query or one.type.name == "SELECT"]
    if kinds == ["SELECT"] and _first_word(sql) == "PRAGMA":
        kinds = ["PRAGMA"]  # DuckDB parses many of them into a SELECT
    if kinds == ["SELECT"]:
        return _bare(sql)
    if not kinds:
        raise BadInputError(
            "The SQL is empty.", hint='For example: --sql "SELECT count(*) FROM worst_routes"'
        )
    what = (
        f"is {kinds[0]}" if len(kinds) == 1 else f"has {len(kinds)} statements ({', '.join(kinds)})"
    )
    raise BadInputError(
        f"That SQL {what}; allowed: one SELECT, and nothing else.",
        hint="Published tables are read only: write one SELECT.",
    )


def one_expression(text: str, *, what: str) -> str:
    """The one expression in ``text``, over the columns of one table.

    Raises:
        BadInputError: it is something else, and what. Nothing has run.
    """
    import duckdb

    try:
        text = text.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError as error:
        raise BadInputError(f"{what} is not UTF-8 text.") from error
    if not text.strip():
        raise BadInputError(f"{what} is empty.", hint=_LIKE_THIS)
    with duckdb.connect(":memory:", config={"threads": 1}) as con:
        node = _one_node(con, f"SELECT {text}\n", what)
        # What ends with ; or a comment stands alone, and not in brackets.
        _one_node(con, f"SELECT ({text}\n)", what)
    found = node["select_list"]
    if len(found) != 1 or found[0].get("alias") or node["from_table"]["type"] != "EMPTY":
        raise _no_expression(what)
    if any(node.get(name) for name in _CLAUSES) or node["group_sets"]:
        raise _no_expression(what)
    for kind, why in _REFUSED.items():
        if kind in set(_classes(found[0])):
            raise BadInputError(
                f"{what} {why}; allowed: one expression over the table's columns.",
                hint=_LIKE_THIS,
            )
    return text


_CLAUSES = ("modifiers", "where_clause", "having", "qualify", "sample", "group_expressions")
_REFUSED = {
    "SUBQUERY": "has a SELECT in it",
    "PARAMETER": "has a parameter (? or $1)",
    "STAR": "has a *",
    "WINDOW": "has a function OVER (...)",
}
_LIKE_THIS = 'For example: --where "id = 7 AND amount > 100"'


def _no_expression(what: str) -> BadInputError:
    return BadInputError(
        f"{what} is not one expression; allowed: one condition over the table's columns.",
        hint=_LIKE_THIS,
    )


def _one_node(con: DuckDBPyConnection, sql: str, what: str) -> Mapping[str, Any]:
    """The SELECT as DuckDB parses it."""
    (answer,) = con.execute(f"SELECT json_serialize_sql({literal(sql)})").fetchone() or ("",)
    parsed = json.loads(str(answer))
    if parsed["error"] and parsed.get("error_type") != "parser":
        raise _no_expression(what)  # statements of other kinds
    if parsed["error"]:
        why = " ".join(str(parsed["error_message"]).split())
        raise BadInputError(f"{what} is not one expression: {why}", hint=_LIKE_THIS)
    statements = parsed["statements"]
    if len(statements) != 1 or statements[0]["node"]["type"] != "SELECT_NODE":
        raise _no_expression(what)
    node: Mapping[str, Any] = statements[0]["node"]
    if node.get("cte_map", {}).get("map"):
        raise _no_expression(what)
    return node


def _classes(node: object) -> Iterator[str]:
    if isinstance(node, list):
        for one in node:
            yield from _classes(one)
    elif isinstance(node, dict):
        yield str(node.get("class"))
        for one in node.values():
            yield from _classes(one)


def _first_word(sql: str) -> str:
    import duckdb

    starts = [at for at, _ in duckdb.tokenize(sql)]  # counted in bytes
    return sql.encode()[starts[0] :].decode().split(maxsplit=1)[0].upper() if starts else ""


def _bare(sql: str) -> str:
    """One SELECT as it can stand inside another statement."""
    import duckdb

    text, starts = sql.encode(), [at for at, _ in duckdb.tokenize(sql)]  # counted in bytes
    bare = text[: next((at for at in starts if text[at : at + 1] == b";"), len(text))].decode()
    return (
        f"FROM ({bare}\n)"
        if _first_word(sql) in {"DESC", "DESCRIBE", "SHOW", "SUMMARIZE"}
        else bare
    )
