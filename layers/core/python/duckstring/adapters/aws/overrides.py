"""What tasks were started with, as ECS remembers it."""

from __future__ import annotations

from collections.abc import Mapping

from duckstring.adapters.aws.clients import Clients


class EcsOverrides:
    """``task_ended.Overrides``."""

    def __init__(self, clients: Clients, cluster: str) -> None:
        """Of tasks of the cluster with that ARN."""
        self._clients, self._cluster = clients, cluster

    def of(self, task: str) -> Mapping[str, object]:
        """The overrides of a task; none where ECS has forgotten it, an hour after its end."""
        found = self._clients.ecs.describe_tasks(cluster=self._cluster, tasks=[task])["tasks"]
        return {**found[0].get("overrides", {})} if found else {}
