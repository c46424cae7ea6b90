from __future__ import annotations

import pytest

from duckstring.adapters.aws.arrivals import DynamoArrivals
from duckstring.adapters.aws.catalog import DynamoCatalog
from duckstring.errors import StateConflictError
from duckstring.model.arrivals import Arrival
from duckstring.model.catalog import Removal
from duckstring.model.names import Line
from duckstring.model.values import replace
from tests.integration.aws import catchment
from tests.unit.api.world import NOON, release, source


@pytest.fixture
def catalog(monkeypatch):
    with catchment(monkeypatch) as here:
        yield DynamoCatalog(here.clients, here.settings.table)


@pytest.fixture
def arrivals(catalog):
    return DynamoArrivals(catalog._clients, catalog._table)


def test_an_empty_catalog(catalog):
    assert (catalog.revision(), dict(catalog.releases()), catalog.version("sales", "1.0.0")) == (
        0,
        {},
        None,
    )


def test_what_was_selected_is_read_back_whole(catalog):
    sales = release(
        "sales@1",
        "1.2.0",
        source("orders@1"),
        source("rates@2", "2.1.0", optional=True),
        ripples=("load", "join"),
    )
    orders = release("orders@1", kind="inlet")
    catalog.select([orders, sales], overwrite=False, revision=0)
    assert catalog.releases() == {"orders@1": orders, "sales@1": sales}
    assert catalog.version("sales", "1.2.0") == sales
    assert catalog.revision() == 1


def test_another_version_of_a_line_replaces_its_selection_and_keeps_the_first(catalog):
    first, second = release("sales@1", "1.0.0"), release("sales@1", "1.1.0")
    catalog.select([first], overwrite=False, revision=0)
    catalog.select([second], overwrite=False, revision=1)
    assert catalog.releases() == {"sales@1": second}
    assert catalog.version("sales", "1.0.0") == first


def test_all_releases_are_read_again_only_after_a_change_of_whomsoever(catalog):
    asked = []
    catalog._clients.dynamodb.meta.events.register(
        "before-call.dynamodb", lambda model, **_: asked.append(model.name)
    )
    somebody_else = DynamoCatalog(catalog._clients, catalog._table)
    first = release("sales@1")
    somebody_else.select([first], overwrite=False, revision=0)
    asked.clear()
    assert [catalog.releases() for _ in range(3)] == [{"sales@1": first}] * 3
    assert asked == ["GetItem", "Query", "GetItem", "GetItem"]

    second = release("sales@1", "1.1.0")
    somebody_else.select([second], overwrite=False, revision=1)
    assert catalog.releases() == {"sales@1": second}
    somebody_else.remove(Removal(Line("sales@1"), NOON), ["1.0.0", "1.1.0"], revision=2)
    assert catalog.releases() == {}
    asked.clear()
    assert catalog.releases("sales") == {}
    assert asked == ["Query"]


def test_a_deploy_that_judged_an_older_graph_is_refused_and_leaves_nothing(catalog):
    catalog.select([release("a@1")], overwrite=False, revision=0)
    for late in (0, 2):
        with pytest.raises(StateConflictError):
            catalog.select([release("b@1")], overwrite=False, revision=late)
    assert set(catalog.releases()) == {"a@1"}
    assert catalog.version("b", "1.0.0") is None


def test_other_contents_under_a_version_need_overwrite(catalog):
    first = release("a@1")
    other = replace(first, sha256="b" * 64)
    catalog.select([first], overwrite=False, revision=0)
    with pytest.raises(StateConflictError):
        catalog.select([other], overwrite=False, revision=1)
    catalog.select([first], overwrite=False, revision=1)
    catalog.select([other], overwrite=True, revision=2)
    assert catalog.releases()["a@1"].sha256 == "b" * 64


@pytest.mark.parametrize(("count", "transactions"), [(49, 1), (50, 1), (99, 1), (230, 3)])
def test_large_batches_are_selected_whole(catalog, count, transactions):
    batch = [release(f"p{number:03d}@1") for number in range(count)]
    catalog.select(batch, overwrite=False, revision=0)
    assert len(catalog.releases()) == count
    assert catalog.revision() == transactions
    with pytest.raises(StateConflictError):
        catalog.select(batch, overwrite=False, revision=0)


SALES, SALES_2, ORDERS = Line("sales@1"), Line("sales@12"), Line("orders@1")
RULE = Arrival("landing", "inbox", "in/", ".parquet", "tap")


def test_a_removed_line_leaves_with_its_versions_and_rules_and_is_remembered(catalog, arrivals):
    catalog.select(
        [release("sales@1", "1.0.0"), release("sales@12"), release("orders@1")],
        overwrite=False,
        revision=0,
    )
    catalog.select([release("sales@1", "1.1.0")], overwrite=False, revision=1)
    for line in (SALES, SALES_2):
        assert arrivals.add(line, RULE)
    assert catalog.versions("sales").keys() == {"1.0.0", "1.1.0", "12.0.0"}
    removal = Removal(SALES, NOON)
    catalog.remove(removal, ["1.0.0", "1.1.0"], revision=2)
    assert catalog.releases().keys() == {"sales@12", "orders@1"}
    assert catalog.versions("sales").keys() == {"12.0.0"}
    assert (arrivals.of_line(SALES), arrivals.of_bucket("inbox")) == ([], [(SALES_2, RULE)])
    assert catalog.removed() == catalog.removed("sales") == [removal]
    assert catalog.removed("sale") == catalog.removed("orders") == []
    assert catalog.revision() == 3


def test_a_removal_is_marked_cleared_unless_there_is_a_newer_one(catalog):
    for revision, at in ((0, NOON), (2, NOON.replace(hour=13))):
        catalog.select([release("sales@1")], overwrite=False, revision=revision)
        catalog.remove(Removal(SALES, at), ["1.0.0"], revision=revision + 1)
    catalog.mark_cleared(Removal(SALES, NOON))
    assert catalog.removed() == [Removal(SALES, NOON.replace(hour=13))]
    catalog.mark_cleared(catalog.removed()[0])
    assert catalog.removed() == [Removal(SALES, NOON.replace(hour=13), cleared=True)]


def test_removals_that_judged_an_older_graph_are_refused_and_change_nothing(catalog):
    catalog.select([release("sales@1", "1.0.0")], overwrite=False, revision=0)
    catalog.select([release("sales@1", "1.1.0")], overwrite=False, revision=1)
    for late in (1, 3):
        with pytest.raises(StateConflictError):
            catalog.remove(Removal(SALES, NOON), ["1.0.0", "1.1.0"], revision=late)
        with pytest.raises(StateConflictError):
            catalog.forget("sales", "1.0.0", revision=late)
    assert catalog.releases().keys() == {SALES}
    assert catalog.versions("sales").keys() == {"1.0.0", "1.1.0"}
    assert catalog.removed() == []
    catalog.forget("sales", "1.0.0", revision=2)
    assert catalog.versions("sales").keys() == {"1.1.0"}


def test_a_line_of_very_many_versions_and_rules_is_removed_whole(catalog, arrivals):
    batch = [release("sales@1", f"1.{number}.0") for number in range(130)]
    for number, one in enumerate(batch):
        catalog.select([one], overwrite=False, revision=number)
    for number in range(20):
        assert arrivals.add(SALES, replace(RULE, name=f"r{number}"))
    catalog.remove(Removal(SALES, NOON), [one.version for one in batch], revision=130)
    assert (
        dict(catalog.versions("sales")),
        arrivals.of_line(SALES),
        arrivals.of_bucket("inbox"),
    ) == ({}, [], [])


def test_arrival_rules_are_found_by_line_and_by_bucket(catalog, arrivals):
    catalog.select(
        [release("sales@1"), release("sales@12"), release("orders@1")], overwrite=False, revision=0
    )
    plain = Arrival("all", "inbox-2")
    for line, rule in ((SALES, RULE), (SALES, plain), (SALES_2, RULE), (ORDERS, plain)):
        assert arrivals.add(line, rule)
    assert arrivals.of_line(SALES) == [plain, RULE]
    assert arrivals.of_bucket("inbox") == [(SALES, RULE), (SALES_2, RULE)]
    assert arrivals.of_bucket("inbox-2") == [(ORDERS, plain), (SALES, plain)]
    arrivals.remove(SALES, RULE)
    arrivals.remove(SALES, RULE)
    assert (arrivals.of_line(SALES), arrivals.of_bucket("inbox")) == ([plain], [(SALES_2, RULE)])


def test_a_rule_is_added_once_under_a_name_and_to_a_deployed_line_only(catalog, arrivals):
    catalog.select([release("sales@1")], overwrite=False, revision=0)
    assert arrivals.add(SALES, RULE)
    assert not arrivals.add(SALES, replace(RULE, bucket="other"))
    assert not arrivals.add(ORDERS, RULE)
    assert arrivals.of_bucket("other") == []
    assert arrivals.of_bucket("inbox") == [(SALES, RULE)]
