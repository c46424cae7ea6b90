"""What has been told of lines, in DynamoDB; and pages on the bus (moto)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from duckstring.adapters.aws.incidents import DynamoIncidents
from duckstring.errors import StateConflictError
from duckstring.model.incidents import Incident, Told
from duckstring.model.names import Line
from duckstring.model.values import replace
from tests.integration.aws import catchment

SALES = Line("sales@1")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def incidents(monkeypatch):
    with catchment(monkeypatch) as here:
        yield DynamoIncidents(here.clients, here.settings.table)


def test_what_is_written_is_read_and_of_two_who_write_at_once_one_wins(incidents):
    nothing = incidents.read(SALES)
    assert nothing == Told(SALES)
    first = replace(nothing, incidents={"failed": Incident(NOON, "event", NOON)})
    written = incidents.write(first)
    assert written == replace(first, version=1)
    assert incidents.read(SALES) == written
    with pytest.raises(StateConflictError):
        incidents.write(first)
    again = incidents.write(replace(written, incidents={}))
    assert incidents.read(SALES) == again == Told(SALES, 2)
    with pytest.raises(StateConflictError):
        incidents.write(written)
