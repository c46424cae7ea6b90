"""The order of a graph: each node after those that it needs. Pure.

One implementation for lines, for Ripples and for what the command shows.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def in_order(needs: Mapping[Node, Collection[Node]]) -> tuple[Node, ...]:
    """Every key of ``needs`` once, after the keys that it needs.

    Args:
        needs: the nodes in the order that counts where the graph leaves a choice, each with the
            nodes that it needs. A node that is needed but is not a key counts as not needed.

    Returns:
        The keys. Those that are in a cycle or need one come last, as they stand in ``needs``.
    """
    sorter, _ = _prepared(needs)
    nodes = list(needs)
    place = {node: at for at, node in enumerate(nodes)}
    ready: list[int] = []
    order: list[Node] = []
    while sorter.is_active():
        for node in sorter.get_ready():
            heappush(ready, place[node])
        order.append(nodes[heappop(ready)])
        sorter.done(order[-1])
    placed = set(order)
    return (*order, *(node for node in nodes if node not in placed))


def find_cycle(needs: Mapping[Node, Collection[Node]]) -> tuple[Node, ...]:
    """A cycle: each node is needed by the next, and the first is repeated at the end.

    Args:
        needs: as for ``in_order``.

    Returns:
        The cycle, beginning with its node that stands first in ``needs``; empty if there is none.
    """
    _, cycle = _prepared(needs)
    if not cycle:
        return ()
    place = {node: at for at, node in enumerate(needs)}
    first = cycle.index(min(cycle, key=place.__getitem__))
    return (*cycle[first:], *cycle[:first], cycle[first])


def _prepared(
    needs: Mapping[Node, Collection[Node]],
) -> tuple[TopologicalSorter[Node], list[Node]]:
    """A sorter that gives nodes out, and a cycle, each node once."""
    sorter: TopologicalSorter[Node] = TopologicalSorter(
        {node: [need for need in its if need in needs] for node, its in needs.items()}
    )
    try:
        sorter.prepare()
    except CycleError as error:  # the sorter still gives out what no cycle holds up
        return sorter, error.args[1][1:]
    return sorter, []
