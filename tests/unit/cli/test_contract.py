"""``duckstring contract``: documents that the Open Data Contract Standard's own model judges."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pytest

from duckstring_cli import bucket, catchments, doors, main
from duckstring_cli.odcs.columns import NEVER_FILLED
from duckstring_cli.odcs.rules import rules_in
from tests.moto_kit import moto_server
from tests.odcs import judged
from tests.unit.cli.contract_kit import Deployed
from tests.unit.cli.published_kit import DEV, SESSION

TOML = '[pond]\nname = "sales"\nversion = "1.4.2"\n[sources]\nproducts = "1.1.0"\nshop = "2.0.0?"\n'
CHECKS = {
    "pond.toml": TOML,
    "src/pond.py": '''
from duckstring import check

@check
def amounts_are_positive(pond):
    """Money is never taken back."""
    return "SELECT * FROM orders WHERE amount <= 0"

@check(severity="warn", name="few_returns")
def anything(pond):
    rows = pond.read_table("orders").filter("returned")
    assert len(rows) < 10

@check(needs_previous=True)
def nothing_vanishes(pond):
    return "SELECT id FROM previous.orders ANTI JOIN orders USING (id)"

@check
def looks_outside(pond):
    return ask_the_bank()
''',
    "src/checks/known_products.sql": (
        "-- severity: warn\nFROM orders ANTI JOIN products.prices USING (product);\n"
    ),
    "src/checks/ids_are_unique.sql": (
        "-- severity: warn\nSELECT id FROM Orders GROUP BY id HAVING count(*) > 1;\n"
    ),
}
NAMES = (
    *("amounts_are_positive", "few_returns", "ids_are_unique", "known_products"),
    *("looks_outside", "nothing_vanishes"),
)
ORDERS = "SELECT range AS id, range * 1.5 AS amount, 'x' AS product FROM range(2)"
BIG = {"hugeint": "1::HUGEINT", "uhugeint": "2::UHUGEINT"}
"""Of 39 digits, which no table has."""


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with moto_server() as found:
        yield found


@pytest.fixture
def deployed(tmp_path: Path, s3: str, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    found = Deployed(s3, tmp_path / "made")
    monkeypatch.setattr(catchments, "find", lambda _: DEV)
    monkeypatch.setattr(catchments, "session", lambda _: catchments.Access(SESSION, s3))
    monkeypatch.setattr(catchments, "outputs", lambda _: {"Bucket": "the-bucket"})
    monkeypatch.setattr(bucket, "reach", bucket.by_session)
    monkeypatch.setattr(doors, "open_door", lambda _: found.answer)
    monkeypatch.chdir(tmp_path)
    return found


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main.run(["contract", *words])
    told = capsys.readouterr()
    return code, told.out, told.err


def contract(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    code, out, err = run(capsys, *words)
    assert (code, err) == (0, "")
    return judged(out)


def write(table: str, sql: str) -> Callable[[Any], None]:
    def work(pond: Any) -> None:
        pond.write_table(table, sql)

    return work


def columns(document: dict[str, Any], table: str) -> dict[str, dict[str, Any]]:
    (found,) = (one for one in document["schema"] if one["name"] == table)
    return {one["name"]: one for one in found["properties"]}


def others(document: dict[str, Any]) -> dict[str, Any]:
    return {one["property"]: one["value"] for one in document["customProperties"]}


def test_a_document_says_what_pond_it_is_of_and_where_its_tables_lie(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    trigger = {"kind": "tide", "bound": 5400.0}
    deployed.deploy("sales@1", {"pond.toml": TOML}, kind="outlet", trigger=trigger)
    deployed.publish("sales@1", write("orders", ORDERS))
    found = contract(capsys, "sales")
    assert {key: found[key] for key in ("apiVersion", "kind", "id", "name", "version")} == {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": "the-bucket/sales@1",
        "name": "sales@1",
        "version": "1.4.2",
    }
    (server,) = found["servers"]
    assert server["location"] == "s3://the-bucket/data/sales@1/"
    assert deployed.snapshots["sales@1"]["tables"][0]["uri"].startswith(server["location"])
    (latency,) = found["slaProperties"]
    assert (latency["property"], latency["value"], latency["unit"]) == ("latency", 90, "min")
    assert others(found) == {
        "pondType": "outlet",
        "sources": [
            {"pond": "products", "major": 1, "minimumVersion": "1.1.0", "optional": False},
            {"pond": "shop", "major": 2, "minimumVersion": "2.0.0", "optional": True},
        ],
    }


def test_a_type_of_any_kind_is_described_down_to_its_parts(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    made = ", ".join(f"{sql} AS {name}" for name, sql in BIG.items())
    everything = f"SELECT * REPLACE ({made}) FROM test_all_types()"
    deployed.deploy("sales@1", {})
    deployed.publish("sales@1", write("types", everything))
    found = columns(contract(capsys, "sales"), "types")
    types = duckdb.sql(everything)
    assert list(found) == types.columns
    for name, dtype in zip(types.columns, types.types, strict=True):
        assert duckdb.type(found[name]["physicalType"]) == dtype, name
    assert [name for name, one in found.items() if "description" in one] == ["union"]
    assert found["timestamp_tz"]["logicalTypeOptions"] == {"timezone": True}
    assert found["small_enum"]["enum"] == [{"value": "DUCK_DUCK_ENUM"}, {"value": "GOOSE"}]
    assert found["map"]["map"]["value"]["logicalType"] == "string"
    items = found["array_of_structs"]["items"]
    assert [one["logicalType"] for one in items["properties"]] == ["integer", "string"]
    nested = found["list_of_fixed_int_array"]["items"]
    assert nested["logicalTypeOptions"] == {"minItems": 3, "maxItems": 3}
    assert nested["items"]["logicalTypeOptions"] == {"format": "i32"}


def test_what_never_held_a_value_says_that_its_type_is_no_promise(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = "SELECT 1 AS id, NULL AS note, [] AS tags, {'a': 1, 'b': NULL} AS s, MAP {} AS m"
    deployed.deploy("sales@1", {})
    deployed.publish("sales@1", write("t", empty))
    found = columns(contract(capsys, "sales"), "t")
    a, b = found["s"]["properties"]
    told = [found["id"], found["tags"], found["s"], a, found["m"]]
    assert all("description" not in one for one in told)
    inside = [found["tags"]["items"], b, found["m"]["map"]["key"], found["m"]["map"]["value"]]
    assert all(one["description"] == NEVER_FILLED for one in [found["note"], *inside])


def test_the_key_of_a_merged_table_is_its_primary_key(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    def merge(pond: Any) -> None:
        rows = "SELECT 1 AS amount, 'p' AS product, 2 AS shop"
        pond.merge_table("stock", rows, key=["shop", "product"])
        pond.merge_table("prices", rows, key=["product"])
        pond.append_table("log", rows)

    deployed.deploy("sales@1", {})
    deployed.publish("sales@1", merge)
    found = contract(capsys, "sales")
    stock, prices = columns(found, "stock"), columns(found, "prices")
    for one, place in (("shop", 1), ("product", 2)):
        assert (stock[one]["primaryKeyPosition"], stock[one]["required"]) == (place, True)
        assert "unique" not in stock[one]
    assert prices["product"]["unique"] is True
    unkeyed = [stock["amount"], *columns(found, "log").values()]
    assert all("primaryKey" not in one and "required" not in one for one in unkeyed)


def test_checks_are_rules_of_the_tables_that_they_read(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.deploy("sales@1", CHECKS, checks=NAMES)

    def work(pond: Any) -> None:
        pond.write_table("orders", ORDERS)
        pond.write_table("other", "SELECT 1 AS n")

    deployed.publish("sales@1", work)
    found = contract(capsys, "sales")
    orders, other = found["schema"]
    assert "quality" not in other
    rules = {one["name"]: one for one in orders["quality"]}
    assert list(rules) == [name for name in NAMES if name != "looks_outside"]
    assert {name: (one["severity"], one["type"]) for name, one in rules.items()} == {
        "amounts_are_positive": ("error", "sql"),
        "few_returns": ("warning", "custom"),
        "ids_are_unique": ("warning", "sql"),
        "known_products": ("warning", "custom"),
        "nothing_vanishes": ("error", "custom"),
    }
    (outside,) = others(found)["checks"]
    assert (outside["name"], outside["severity"]) == ("looks_outside", "error")
    assert "products.prices" in rules["known_products"]["implementation"]["sql"]


def test_a_rule_in_sql_gives_the_number_of_rows_that_must_not_exist(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.deploy("sales@1", CHECKS, checks=NAMES)
    deployed.publish("sales@1", write("orders", ORDERS))
    rules = {one["name"]: one for one in contract(capsys, "sales")["schema"][0]["quality"]}
    con = duckdb.connect()
    con.execute("CREATE TABLE orders AS SELECT 1 AS id, -range AS amount FROM range(3)")
    for name, rows in (("amounts_are_positive", 3), ("ids_are_unique", 1)):
        rule = rules[name]
        assert rule["mustBe"] == 0
        assert con.sql(rule["query"]).fetchall() == [(rows,)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT '{object}' AS word FROM orders",
        "FROM orders; -- over",
        "FROM query_table('orders')",
        "FROM orders, read_csv('rates.csv')",
        "this is no SQL FROM orders",
    ],
)
def test_sql_that_would_be_another_elsewhere_is_a_rule_of_duckstrings_own(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], sql: str
) -> None:
    deployed.deploy("sales@1", {"src/checks/odd.sql": sql}, checks=["odd"])
    deployed.publish("sales@1", write("orders", ORDERS))
    found = contract(capsys, "sales")
    rules = [*found["schema"][0].get("quality", []), *others(found).get("checks", [])]
    assert [(one["type"], one["implementation"]["sql"]) for one in rules] == [("custom", sql)]


def test_a_function_of_another_library_that_is_called_check_is_no_rule(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "from other import check\n@check\ndef theirs(pond): return 'FROM orders'\n"
    deployed.deploy("sales@1", {"src/other.py": code}, checks=["declared_somehow"])
    deployed.publish("sales@1", write("orders", ORDERS))
    (rule,) = others(contract(capsys, "sales"))["checks"]
    assert (rule["name"], "severity" in rule) == ("declared_somehow", False)


def test_the_checks_of_the_flights_demo_are_known_from_its_files() -> None:
    demo = Path(str(files("duckstring_cli.demos"))) / "flights"
    rules = {one.name: one for one in rules_in(demo / "delays", known=None)}
    assert {name: (one.severity, sorted(one.tables)) for name, one in rules.items()} == {
        "faults_are_rare": ("warn", ["quality_summary"]),
        "flights_are_unique": ("fail", ["facts"]),
        "no_flight_is_lost": ("fail", ["facts", "rejected"]),
    }
    assert [name for name, one in rules.items() if one.query] == [
        "faults_are_rare",
        "flights_are_unique",
    ]


def test_a_pond_that_has_published_nothing_has_a_draft_with_its_checks(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.deploy("sales@1", CHECKS, checks=NAMES)
    found = contract(capsys, "sales")
    assert (found["status"], found["schema"]) == ("draft", [])
    assert [one["name"] for one in others(found)["checks"]] == list(NAMES)


def test_majors_side_by_side_have_documents_of_their_own(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    for major in (1, 2):
        deployed.deploy(f"sales@{major}", {})
        deployed.publish(f"sales@{major}", write("orders", f"SELECT 1 AS only_{major}"))
    for words, major in ((("-m", "1"), 1), (("-v", "1.0.0"), 1), ((), 2)):
        found = contract(capsys, "sales", *words)
        assert (found["name"], found["version"]) == (f"sales@{major}", f"{major}.4.2")
        assert list(columns(found, "orders")) == [f"only_{major}"]


def test_the_document_of_one_table_has_what_concerns_it(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.deploy("sales@1", CHECKS, checks=NAMES)

    def work(pond: Any) -> None:
        pond.write_table("orders", ORDERS)
        pond.write_table("other", "SELECT 1 AS n")

    deployed.publish("sales@1", work)
    found = contract(capsys, "sales", "--table", "other")
    assert found["id"] == "the-bucket/sales@1/other"
    assert [one["name"] for one in found["schema"]] == ["other"]
    assert "looks_outside" not in json.dumps(found)
    code, out, err = run(capsys, "sales", "--table", "othr")
    assert (code, out) == (2, "")
    assert "no table 'othr'" in err
    assert "other" in err


def test_the_same_pond_gives_the_same_bytes(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    deployed.deploy("sales@1", CHECKS, checks=NAMES)
    deployed.publish("sales@1", write("orders", ORDERS))
    first = run(capsys, "sales")[1]
    deployed.publish("sales@1", *[write("orders", ORDERS)] * 3)  # more runs
    deployed.lines["sales@1"]["ripples"][0]["checks"].reverse()
    assert run(capsys, "sales", "--file", "sales.odcs.yaml")[:2] == (0, "")
    assert (tmp_path / "sales.odcs.yaml").read_bytes() == first.encode()
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []


def test_json_says_the_same_as_yaml(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    deployed.deploy("sales@1", CHECKS, checks=NAMES)
    deployed.publish("sales@1", write("orders", ORDERS))
    text = run(capsys, "sales", "--json")[1]
    assert judged(text) == contract(capsys, "sales")
    assert run(capsys, "sales", "--json", "-f", "c.json")[:2] == (0, "")
    assert (tmp_path / "c.json").read_text() == text


def test_without_the_right_to_read_the_package_the_names_of_checks_remain(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import ClientError

    class Denying:
        def get_object(self, **_: Any) -> None:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject")

    sources = [{"line": "products@1", "optional": False}]
    deployed.deploy("sales@1", CHECKS, checks=NAMES, sources=sources)
    monkeypatch.setattr(catchments.Access, "client", lambda *_: Denying())
    code, out, err = run(capsys, "sales")
    assert code == 0
    assert "The package of sales@1 cannot be read" in err
    told = others(judged(out))
    assert [one["name"] for one in told["checks"]] == list(NAMES)
    assert told["sources"] == [{"pond": "products", "major": 1, "optional": False}]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nobody",), 2, "No Pond 'nobody'"),
        (("sales@1", "-m", "2"), 2, "sales@1 and --major 2 disagree."),
        (("sales", "-t", "orders"), 1, "has not completed a run"),
        (("sales", "-f", "."), 2, "is a folder"),
        (("sales", "-f", "no/where.yaml"), 2, "There is no folder 'no'"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    deployed: Deployed,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    words: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    deployed.deploy("sales@1", {})
    before = sorted(tmp_path.rglob("*"))
    found, out, err = run(capsys, *words)
    assert (found, out) == (code, "")
    assert said in err
    assert sorted(tmp_path.rglob("*")) == before
