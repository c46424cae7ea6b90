"""What an event of the bus asks for is in the audit, as what people ask for is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from duckstring.adapters.aws.audit import DynamoAudits
from duckstring.adapters.aws.catalog import DynamoCatalog
from duckstring.engine.signals import Triggered
from duckstring.model.audits import AuditFilter
from tests.unit.api.world import release

EVENT = {
    "id": "17793124-05d4-b198-2fde-7ededc63b103",
    "source": "loader",
    "account": "123456789012",
    "detail-type": "duckstring.trigger",
    "detail": {"pond": "sales", "kind": "pulse", "note": "the files are there"},
}


@pytest.fixture
def audits(here):
    DynamoCatalog(here.clients, here.settings.table).select(
        [release("sales@1")], overwrite=False, revision=0
    )
    return DynamoAudits(here.clients, here.settings.table, None)


def test_a_trigger_of_the_bus_has_a_row_by_its_pond_by_time_and_by_its_epoch(here, audits, handler):
    handler.handle(EVENT, None)
    ((line, signal),) = here.letters()
    assert (line, type(signal)) == ("sales@1", Triggered)
    (row,) = audits.of_pond("sales", AuditFilter())
    assert (row.what, row.request) == ("trigger pulse", EVENT["id"])
    assert (row.said.by, row.said.note) == (
        "event of loader in 123456789012",
        "the files are there",
    )
    assert audits.of_all(row.said.at, AuditFilter()) == [row]
    assert audits.at([signal.epoch]) == [row]


def test_no_letter_is_posted_whose_asking_cannot_be_written_down(
    here, audits, handler, monkeypatch
):
    def refuse(*_, **__):
        raise RuntimeError("throttled")

    monkeypatch.setattr(handler.app.clients.dynamodb, "put_item", refuse)
    with pytest.raises(RuntimeError, match="throttled"):
        handler.handle(EVENT, None)  # the bus delivers it again
    assert here.letters() == []


def test_its_row_expires_as_history_does(here, audits, monkeypatch, request):
    monkeypatch.setenv("DUCKSTRING_HISTORY_DAYS", "30")
    request.getfixturevalue("handler").handle(EVENT, None)
    (item,) = here.items("AUDIT#sales").values()
    (row,) = audits.of_pond("sales", AuditFilter())
    assert int(item["expires"]["N"]) == int((row.said.at + timedelta(days=30)).timestamp())


def test_what_is_dropped_is_in_the_log_only(here, audits, handler):
    handler.handle({**EVENT, "detail": {"pond": "salse", "kind": "pulse"}}, None)
    assert audits.of_all(handler.app.clock.now(), AuditFilter()) == []
