"""The one rule for SQL of users: one SELECT, and nothing else."""

from __future__ import annotations

from duckstring_cli.errors import BadInputError


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
