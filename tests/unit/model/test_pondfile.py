"""pond.toml: defaults, conversions, and every fault at once."""

import re
from pathlib import Path

import pytest

from duckstring.model.catalog import SourceSpec
from duckstring.model.names import Line
from duckstring.model.pondfile import (
    ManifestError,
    PondTable,
    decode_pondfile,
    from_object,
    read_pondfile,
    schema,
)
from duckstring.model.retention import Retention
from duckstring_cli.demos import schema_text, write_project
from duckstring_cli.package import package

COMPLETE = """\
[pond]
name = "sales"
version = "1.2.0"
type = "pond" # inlet | pond | outlet
immediate_retries = 1
source_retries = 2

[sources]
transactions = "1.0.0"
products = "1.1.0?" # trailing ? — optional

[retention]
snapshots = 30
age = "90d"
"""


def faults(text):
    with pytest.raises(ManifestError) as caught:
        read_pondfile(text)
    return list(caught.value.faults)


def test_the_reference_example_is_read_whole():
    assert read_pondfile(COMPLETE).to_release_fields() == {
        "line": Line("sales@1"),
        "version": "1.2.0",
        "kind": "pond",
        "sources": (
            SourceSpec(Line("products@1"), "1.1.0", optional=True),
            SourceSpec(Line("transactions@1"), "1.0.0"),
        ),
        "module": "src/pond.py",
        "immediate_retries": 1,
        "source_retries": 2,
        "retention": Retention(30, 90),
    }


def test_only_name_and_version_are_needed():
    made = read_pondfile('[pond]\nname = "a"\nversion = "0.1.0"\n')
    assert (made.line, made.pond.type, made.pond.ripples, made.pond.puddles) == (
        "a@0",
        "pond",
        "src/pond.py",
        "src/puddles.py",
    )
    assert (made.pond.immediate_retries, made.pond.source_retries, made.sources()) == (0, 0, ())


def test_five_faults_are_told_at_once_each_with_its_line():
    text = (
        '[pond]\nname = "Sales"\nversion = "1.0"\ntyp = "inlet"\nimmediate_retries = -1\n'
        "[sources]\nb = 3\n"
    )
    assert faults(text) == [
        (
            'pond.toml:2: [pond] name: found "Sales"; '
            "allowed: a lower-case letter, then lower-case letters, digits and _, at most 48 "
            "characters."
        ),
        'pond.toml:3: [pond] version: found "1.0"; allowed: a semantic version such as "1.0.0".',
        (
            "pond.toml:4: [pond] typ: unknown key; did you mean type? "
            "allowed: name, version, type, immediate_retries, source_retries, ripples, puddles."
        ),
        "pond.toml:5: [pond] immediate_retries: found -1; allowed: a whole number from 0 to 1000.",
        (
            "pond.toml:7: [sources] b: found 3; allowed: the least version wanted, such as "
            '"1.0.0", '
            'or "1.0.0?" for an optional Source.'
        ),
    ]


HEAD = '[pond]\nname = "a"\nversion = "1.0.0"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + 'type = "inlet"\n[sources]\nb = "1.0.0"\n', "found b in an Inlet"),
        (HEAD + '[sources]\na = "1.0.0"\n', "pond.toml:5: [sources] a: found the Pond itself"),
        (HEAD + 'type = "outlets"\n', "(did you mean 'outlet'?)"),
        (HEAD + "source_retries = true\n", "found true; allowed: a whole number"),
        (HEAD + "source_retries = 1.5\n", "found 1.5; allowed: a whole number"),
        (HEAD + 'ripples = "../pond.py"\n', "the path of a .py file inside the project"),
        (HEAD + 'ripples = "/src/pond.py"\n', "the path of a .py file inside the project"),
        (
            HEAD + '[source]\nb = "1.0.0"\n',
            "pond.toml:4: source: unknown table or key; did you mean sources?",
        ),
        (HEAD + '[sources]\n"B-2" = "1.0.0"\n', 'found the name "B-2"'),
        (HEAD + '[sources]\nb = "1.0.0??"\n', 'found "1.0.0??"'),
        (
            HEAD + "[retention]\nsnapshots = 0\n",
            "pond.toml:5: [retention] snapshots: found 0; allowed: a whole number from 1 to 1000.",
        ),
        (HEAD + "[retention]\nsnapshots = 1001\n", "found 1001; allowed: a whole number"),
        (
            HEAD + '[retention]\nage = "30h"\n',
            '[retention] age: found "30h"; allowed: whole days from "1d" to "3650d".',
        ),
        (HEAD + '[retention]\nage = "3651d"\n', 'found "3651d"; allowed: whole days'),
        (HEAD + "[retention]\nage = 30\n", "[retention] age: found 30; allowed: whole days"),
        (
            HEAD + "[retention]\nages = 30\n",
            "[retention] ages: unknown key; did you mean age? allowed: snapshots, age.",
        ),
        ("", "[pond] is missing"),
        ("pond = 3\n", "[pond]: found 3; allowed: a table"),
        ("[pond]\nversion = '1.0.0'\n", '[pond] name is missing; write name = "sales"'),
        ("[pond\n", "pond.toml:1: this is not TOML"),
        (HEAD + "source_retries = 1" + "0" * 5000 + "\n", "a number has more than 4300 digits"),
        (HEAD + "a = " + "[" * 20_000, "lie too deep in each other"),
        (HEAD + 'ripples = "a\\nb\\u001b[31m"\n', 'found "a\\nb\\x1b[31m"'),
        (HEAD + '"a\\nb" = 1\n', "[pond] a\\nb: unknown key"),
        (HEAD + "source_retries = 1979-05-27\n", "found 1979-05-27; allowed"),
        (
            '[pond]\nname = "a\n',
            'pond.toml:2: this is not TOML: Illegal character \'\\n\'; found "name = "a".',
        ),
    ],
)
def test_a_fault_says_where_what_and_what_is_allowed(text, said):
    [fault] = faults(text)
    assert said in fault
    assert "\n" not in fault


def test_an_object_is_checked_as_the_file_was():
    assert from_object({"pond": {"name": "a", "version": "1.0.0"}}).line == "a@1"
    with pytest.raises(ManifestError, match=r"pond.toml: \[pond\] version: found 1;"):
        from_object({"pond": {"name": "a", "version": 1}})


@pytest.mark.parametrize(
    ("encoding", "kind"),
    [
        ("utf-32-be", "UTF-32"),
        ("utf-32", "UTF-32"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
    ],
)
def test_a_wide_encoding_is_named_with_or_without_a_mark(encoding, kind):
    with pytest.raises(ManifestError) as caught:
        decode_pondfile(HEAD.encode(encoding), "sales/pond.toml")
    assert caught.value.faults == (
        f"sales/pond.toml is {kind} text; allowed: UTF-8. Save it as UTF-8.",
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_utf_8_is_read_with_or_without_a_mark(encoding):
    text = f"# Straße\n{HEAD}"
    assert decode_pondfile(text.encode(encoding)) == text


def test_another_encoding_is_refused_at_the_byte_that_shows_it():
    content = f"{HEAD}# ".encode() + "Straße\n".encode("latin-1")
    with pytest.raises(ManifestError) as caught:
        decode_pondfile(content)
    [fault] = caught.value.faults
    assert fault == (
        "pond.toml:4: found the byte 0xdf, which is not UTF-8; allowed: UTF-8 text. Save it as "
        "UTF-8."
    )


@pytest.mark.parametrize("path", ["pond.py", "src/other.py", "a b/ü.py"])
def test_ripples_and_puddles_may_be_in_any_file_of_the_project(path):
    made = read_pondfile(f'{HEAD}ripples = "{path}"\npuddles = "{path}"\n')
    assert (made.pond.ripples, made.pond.puddles) == (path, path)


@pytest.mark.parametrize(
    "path", [".py", "pond.txt", "./pond.py", "a//b.py", "a\\\\b.py", "a/../b.py"]
)
def test_a_path_that_leaves_the_project_or_is_no_module_is_refused(path):
    [fault] = faults(f'{HEAD}puddles = "{path}"\n')
    assert fault.startswith('pond.toml:4: [pond] puddles: found "')
    assert fault.endswith('such as "src/pond.py".')


def test_every_field_has_a_rule_that_its_faults_name():
    for name, field in PondTable.model_fields.items():
        assert field.description, f"{name} has no rule: give it Field(description=...)"
        others = "".join(
            f"{key} = {value}\n"
            for key, value in {"name": '"sales"', "version": '"1.0.0"'}.items()
            if key != name
        )
        with pytest.raises(ManifestError, match="allowed: ") as caught:
            read_pondfile(f"[pond]\n{others}{name} = [1]\n")
        assert field.description in str(caught.value)


def test_the_schema_for_editors_is_that_of_the_docs_and_the_scaffold(tmp_path):
    docs = Path(__file__).parents[3] / "docs" / "pond.schema.json"
    assert docs.read_text(encoding="utf-8") == schema_text(), (
        "run: duckstring pond schema > docs/pond.schema.json"
    )
    write_project("sales", tmp_path)
    first = (tmp_path / "pond.toml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "#:schema .duckstring/pond.schema.json"
    assert (tmp_path / first.partition(" ")[2]).read_text(encoding="utf-8") == schema_text()
    assert not any(name.startswith(".duckstring") for name in package(tmp_path).files)


@pytest.mark.parametrize("field", PondTable.model_fields)
def test_the_schema_allows_what_the_rules_allow(field):
    of = schema()["definitions"]["PondTable"]["properties"][field]
    pattern = of.get("pattern")
    tried = ["sales", "Sales", "a-b", "1.0.0", "1.2.0-rc.1", "1.0", "src/pond.py", "/x.py", "x.js"]
    for text in tried if pattern else ():
        others = {"name": "a", "version": "1.0.0"} | {field: text}
        lines = "".join(f'{key} = "{value}"\n' for key, value in others.items())
        try:
            read_pondfile(f"[pond]\n{lines}")
            allowed = True
        except ManifestError:
            allowed = False
        assert bool(re.search(pattern, text)) == allowed, text
