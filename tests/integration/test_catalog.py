from __future__ import annotations

from dataclasses import replace

import pytest

from duckstring.adapters.aws.catalog import DynamoCatalog
from duckstring.errors import StateConflictError
from tests.integration.aws import catchment
from tests.unit.api.world import release, source


@pytest.fixture
def catalog(monkeypatch):
    with catchment(monkeypatch) as here:
        yield DynamoCatalog(here.clients, here.settings.table)


def test_an_empty_catalog(catalog):
    assert (catalog.revision(), dict(catalog.releases()), catalog.version("sales", "1.0.0")) == (0, {}, None)


def test_what_was_selected_is_read_back_whole(catalog):
    sales = release("sales@1", "1.2.0", source("orders@1"), source("rates@2", "2.1.0", optional=True), ripples=("load", "join"))
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
