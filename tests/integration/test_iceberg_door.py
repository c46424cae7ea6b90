"""The door of the export to Iceberg."""

from __future__ import annotations

import pytest

from duckstring.exporter.iceberg import Report
from tests.integration.aws import catchment, loaded
from tests.integration.published_kit import Context, records, told


@pytest.fixture
def door(monkeypatch):
    """The handler, and which lines it was asked for."""
    asked = []
    with catchment(monkeypatch), loaded("functions.iceberg.handler") as module:

        def export(_ports, lines, *, look):
            asked.append((lines, "look") if look else lines)
            return Report(["duckstring_dev__sales"], put=2, failed=module.failed)

        module.failed = {}
        monkeypatch.setattr(module, "export_iceberg", export)
        yield module, asked


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        (records(told("sales"), told("sales"), told("reports", 2)), {"sales@1", "reports@2"}),
        (records(told("sales"), {"lines": "all"}), ()),
        (records({"lines": ["a@1"]}, {"lines": ["../x"]}, [], "x"), {"a@1"}),
        (records(told("sales"), {"lines": "all", "look": True}), ((), "look")),
        ({}, ()),
    ],
)
def test_a_batch_is_one_export_of_its_lines(door, event, lines):
    module, asked = door
    assert module.handle(event, Context())["put"] == 2
    assert asked == [lines]


def test_messages_of_somebody_else_are_none_of_its_business(door):
    module, asked = door
    assert module.handle(records({}, {"detail": {"pond": "a/b", "major": 1}}), Context()) == {}
    assert asked == []


def test_what_failed_fails_the_batch_after_the_others_are_exported(door):
    module, asked = door
    module.failed = {"duckstring_dev__sales": "orders: no such object"}
    with pytest.raises(Exception, match="Not exported: duckstring_dev__sales: orders: no such"):
        module.handle(records(told("sales"), told("reports")), Context())
    assert asked == [{"sales@1", "reports@1"}]
