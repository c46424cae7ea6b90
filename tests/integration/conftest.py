"""What several files here need."""

import pytest

from tests.integration.adapters_kit import aws, machine, table, timed
from tests.integration.aws import catchment, loaded

__all__ = ["aws", "machine", "table", "timed"]


@pytest.fixture
def here(monkeypatch):
    """A Catchment in moto, which the environment names as that of a function."""
    with catchment(monkeypatch) as found:
        delays = found.clients.sqs.create_queue(QueueName="delays")["QueueUrl"]
        monkeypatch.setenv("DUCKSTRING_DELAYS", delays)
        yield found


@pytest.fixture
def handler(here):
    """The orchestrator's function, as it starts there."""
    with loaded("functions.orchestrator.handler") as found:
        yield found
