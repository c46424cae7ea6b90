"""Where ports meet adapters. Called once by each function, at cold start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from duckstring.adapters.aws.alarms import TimedAlarms
from duckstring.adapters.aws.bus import EventBus
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.clock import SystemClock
from duckstring.adapters.aws.executions import Machine, TokenGates
from duckstring.adapters.aws.history import DynamoHistory
from duckstring.adapters.aws.mailbox import SqsMailbox
from duckstring.adapters.aws.state import DynamoStateStore
from duckstring.model.settings import Settings
from duckstring.ports import Clock, Gates, StateStore
from duckstring.service.dispatch import Hands


@dataclass(frozen=True, slots=True)
class Orchestrator:
    """All that the orchestrator function needs."""

    settings: Settings
    clients: Clients
    store: StateStore
    gates: Gates
    hands: Hands
    clock: Clock


def orchestrator(env: Mapping[str, str]) -> Orchestrator:
    """The orchestrator of the Catchment that ``env`` describes."""
    settings, clients, clock = Settings.from_env(env), Clients(), SystemClock()
    gates = TokenGates(clients, settings.need("table"))
    hands = Hands(
        mailbox=SqsMailbox(clients, settings.need("mailbox")),
        executions=Machine(clients, settings.need("machine")),
        gates=gates,
        history=DynamoHistory(clients, settings.need("table")),
        bus=EventBus(clients, settings),
        alarms=TimedAlarms(clients, settings, clock),
    )
    return Orchestrator(settings, clients, DynamoStateStore(clients, settings.need("table")), gates, hands, clock)
