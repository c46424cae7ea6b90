"""Contracts of Ponds that nobody has thought of: valid, as they are meant, and the same each
time.
"""

from __future__ import annotations

import json
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from duckstring.author.columns import ColumnType, inside_of, path_of
from duckstring.author.contract import Published
from duckstring.author.stored import paths_in
from duckstring.model.catalog import SourceSpec
from duckstring.model.foreign import for_terminal, json_text, readable
from duckstring.model.names import Line
from duckstring_cli.odcs.columns import _LOGICAL, NEVER_FILLED, properties
from duckstring_cli.odcs.document import Facts, Place, Table, document
from duckstring_cli.odcs.rules import Rule
from duckstring_cli.odcs.text import to_yaml
from tests.odcs import judged

ODD = (
    *(
        "id",
        "n",
        "Y",
        "no",
        "~",
        "null",
        "1e5",
        "0x1f",
        "1_000",
        "12:30:45",
        "2030-01-01",
        "=",
        "-",
    ),
    *(" ", "a: b", "- a", "#a", "a #b", "'", '"', "\\", "&a", "*a", "!a", "%a", "@a", "`a", "{a}"),
    *(
        "[a]",
        "${HOME}",
        "${A:-b}",
        "$${A}",
        "{object}",
        "größe",
        "\U0001f986",
        "\u202eevil",
        "\ufeff",
    ),
    *(
        "\x1b[31mred",
        "\x9b",
        "a\nb",
        "a\n\u202eb",
        "a\r\nb",
        "\ttab",
        "trail ",
        "\u2028",
        "\x85",
        "\x00",
        "\ud800",
    ),
)
names = st.sampled_from(ODD) | st.text(min_size=1, max_size=12)
SCALARS = sorted(
    {*_LOGICAL, "interval", "geometry", "variant"} - {"list", "array", "struct", "map"}
)


def _scalar(kind: str, values: list[str]) -> ColumnType:
    return ColumnType(kind, kind.upper(), values=tuple(values) if kind == "enum" else ())


def _nested(parts: st.SearchStrategy[ColumnType]) -> st.SearchStrategy[ColumnType]:
    fields = st.dictionaries(names, parts, min_size=1, max_size=3)
    return st.one_of(
        parts.map(lambda one: ColumnType("list", f"{one.text}[]", (("child", one),))),
        parts.map(lambda one: ColumnType("array", f"{one.text}[3]", (("child", one),), (3,))),
        st.tuples(parts, parts).map(
            lambda two: ColumnType("map", "MAP(...)", (("key", two[0]), ("value", two[1])))
        ),
        fields.map(lambda found: ColumnType("struct", "STRUCT(...)", tuple(found.items()))),
        fields.map(lambda found: ColumnType("union", "UNION(...)", tuple(found.items()))),
    )


scalars = st.builds(
    _scalar, st.sampled_from(SCALARS), st.lists(names, unique=True, min_size=0, max_size=3)
)
types = st.recursive(scalars, _nested, max_leaves=6)
shallow = scalars | _nested(scalars | _nested(scalars))
"""The standard's schema takes ten times as long to check for each further level."""


@st.composite
def tables(draw: st.DrawFn) -> Table:
    columns = draw(st.dictionaries(names, shallow, min_size=1, max_size=3))
    paths = [path for name, kind in columns.items() for path in paths_in(kind, path_of(name))]
    filled = draw(st.sets(st.sampled_from(paths)))
    key = draw(st.lists(st.sampled_from(sorted(columns)), unique=True, max_size=2))
    return Table(draw(names), Published(columns, frozenset(filled)), tuple(key))


rules = st.builds(
    Rule,
    name=names,
    severity=st.sampled_from(["", "fail", "warn"]),
    file=names,
    sql=st.text(max_size=40) | names,
    tables=st.frozensets(names.map(str.lower), max_size=2),
    query=st.text(max_size=40),
)
facts = st.builds(
    Facts,
    line=st.sampled_from(["sales@1", "a@0"]),
    version=st.sampled_from(["1.0.0", "0.1.0-rc.1+build"]),
    kind=st.sampled_from(["", "inlet", "pond"]),
    place=st.builds(Place, names, st.just("the-bucket"), st.sampled_from(["", "http://[::1]:1"])),
    tables=st.none() | st.lists(tables(), max_size=3),
    rules=st.lists(rules, max_size=3),
    sources=st.lists(
        st.builds(SourceSpec, st.just(Line("up@2")), st.sampled_from(["", "2.0.0"]), st.booleans()),
        max_size=2,
    ),
    bound=st.none() | st.floats(0.001, 1e9),
    windows=st.dictionaries(names, names, max_size=2),
    only=st.just("") | names,
)


@given(facts)
@settings(max_examples=30)
def test_the_document_of_any_pond_is_valid_and_the_same_in_yaml_and_json(made: Facts) -> None:
    plain = document(made)
    text = to_yaml(plain)
    assert yaml.safe_load(text) == plain
    assert json.loads(json_text(plain)) == plain
    assert text == to_yaml(document(made))
    assert for_terminal(text, lines=True) == text
    judged(text)


@given(tables())
@settings(max_examples=30)
def test_names_and_keys_are_those_of_the_table(made: Table) -> None:
    place = Place("dev", "the-bucket")
    found: Any = judged(to_yaml(document(Facts("sales@1", "1.0.0", "", place, [made]))))
    (table,) = found["schema"]
    assert table["name"] == readable(made.name)
    columns = table["properties"]
    assert [one["name"] for one in columns] == list(map(readable, made.published.columns))
    key = [one for one in columns if one.get("primaryKey")]
    key.sort(key=lambda one: one["primaryKeyPosition"])
    assert [one["name"] for one in key] == list(map(readable, made.merge_key))


@given(types, st.data())
@settings(max_examples=50)
def test_what_never_held_a_value_is_told_once_and_all_else_is_promised(
    kind: ColumnType, data: st.DataObject
) -> None:
    paths = sorted(set(paths_in(kind, "v")))
    filled = data.draw(st.frozensets(st.sampled_from(paths)))
    (found,) = properties(Published({"v": kind}, filled))
    _check(found, kind, "v", filled)


def _check(found: Any, kind: ColumnType, path: str, filled: frozenset[str] | None) -> None:
    is_empty = filled is not None and path not in filled
    assert (found.get("description") == NEVER_FILLED) == is_empty
    parts = [found["items"]] if "items" in found else found.get("properties", [])
    parts = list(found["map"].values()) if "map" in found else parts
    for (name, part), one in zip(kind.parts, parts, strict=True):
        _check(one, part, inside_of(kind, path, name), None if is_empty else filled)
