"""The environment of the Lambda functions: each variable's name, once. docs/protocol.md explains
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta

from duckstring.errors import InvariantError
from duckstring.model.compute import FunctionSize
from duckstring.model.retention import KEPT, Retention

_PREFIX = "DUCKSTRING_"


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the parts of one Catchment are. Empty: this function does not use that part."""

    catchment: str = ""
    table: str = ""
    bucket: str = ""
    mailbox: str = ""
    mailbox_arn: str = ""
    bus: str = ""
    delays: str = ""
    delays_arn: str = ""
    machine: str = ""
    schedules: str = ""
    scheduler_role: str = ""
    ripple_function: str = ""
    discovery_function: str = ""
    secret: str = ""
    arrivals: str = ""
    cluster: str = ""
    table_arn: str = ""
    vendor_function: str = ""
    attempt_role: str = ""
    attempt_role_id: str = ""
    policies: str = ""
    kms_key: str = ""
    function_memory_mib: str = ""
    function_timeout_seconds: str = ""
    history_days: str = ""
    journal_days: str = ""
    retention_snapshots: str = ""
    retention_days: str = ""
    lake: str = ""
    lake_seconds: str = ""
    iceberg: str = ""
    run_news: str = ""
    openlineage: str = ""
    openlineage_namespace: str = ""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read what ``to_env`` wrote."""
        return cls(**{f.name: env.get(_PREFIX + f.name.upper(), "") for f in fields(cls)})

    def to_env(self) -> dict[str, str]:
        """The variables of a function, empty ones left out."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {_PREFIX + name.upper(): value for name, value in values.items() if value}

    @property
    def function(self) -> FunctionSize:
        """What the ripple function has."""
        return FunctionSize(
            int(self.need("function_memory_mib")), int(self.need("function_timeout_seconds"))
        )

    @property
    def history_kept(self) -> timedelta | None:
        """How long history is kept; None: for ever."""
        return timedelta(days=int(self.history_days)) if self.history_days else None

    @property
    def journal_kept(self) -> timedelta | None:
        """How long the journals of lines are kept; None: there are none."""
        return timedelta(days=int(self.journal_days)) if self.journal_days else None

    @property
    def retention(self) -> Retention:
        """How many snapshots of a Pond are kept that says nothing of it."""
        snapshots, days = self.retention_snapshots, self.retention_days
        said = Retention(int(snapshots) if snapshots else None, int(days) if days else None)
        return said.within(KEPT)

    @property
    def lake_after(self) -> int | None:
        """How many seconds the exporter waits for more to be published; None: there is no lake."""
        return int(self.lake_seconds) if self.lake_seconds else None

    def need(self, name: str) -> str:
        """The setting ``name``.

        Raises:
            InvariantError: the function was deployed without it.
        """
        value: str = getattr(self, name)
        if not value:
            raise InvariantError(
                f"This function was deployed without {_PREFIX}{name.upper()}.",
                hint="Deploy the Catchment again.",
            )
        return value
