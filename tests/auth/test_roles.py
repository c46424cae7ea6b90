"""Every role may do what the table says (``roles.py``), by the template, and nothing else of it."""

from __future__ import annotations

import pytest

from tests.auth.deployed import Deployed
from tests.auth.roles import (
    ICEBERG,
    ICEBERG_PROBES,
    MAY,
    MAY_ELSE_OF_ICEBERG,
    MAY_ELSE_OF_OPENLINEAGE,
    MAY_OF_ICEBERG,
    MAY_OF_OPENLINEAGE,
    OPENLINEAGE,
    OPENLINEAGE_PROBES,
    PROBES,
    Where,
)
from tests.infra.conftest import template, with_iceberg, with_openlineage
from tests.infra.policies import allowing

__all__ = ["template", "with_iceberg", "with_openlineage"]


@pytest.fixture(scope="module")
def where(template) -> Where:
    """As if every resource was called by its logical id."""
    names = {name: name for name in template["Resources"]}
    return Where(Deployed(template, names))


@pytest.mark.parametrize("who", MAY)
def test_a_role_may_do_what_the_table_says_and_nothing_else_of_it(where, who):
    statements = where.deployed.roles[where.role(who)]
    may = {
        name for name, probe in PROBES.items() if list(allowing(statements, probe.request(where)))
    }
    assert may == MAY[who]


def test_no_role_is_missing_from_the_table(where):
    """Those that AWS's services use by themselves cannot be had by code of anybody's."""
    ours = {where.role(who) for who in MAY}
    of_services = {
        name
        for name in where.deployed.roles
        if name.startswith(
            ("AlarmsRole", "AlertsRole", "SchedulerRoleForTarget", "TasksDefinitionExecution")
        )
    }
    assert set(where.deployed.roles) == ours | of_services


def test_everything_in_the_table_is_tried():
    assert frozenset().union(*MAY.values()) <= set(PROBES)


@pytest.fixture(scope="module")
def icy(with_iceberg) -> Where:
    names = {name: name for name in with_iceberg["Resources"]}
    return Where(Deployed(with_iceberg, names))


@pytest.mark.parametrize("who", [*MAY, ICEBERG])
def test_with_iceberg_tables_too_a_role_may_do_what_the_table_says_and_nothing_else(icy, who):
    statements = icy.deployed.roles[icy.role(who)]
    probes = {**PROBES, **ICEBERG_PROBES}
    may = {name for name, probe in probes.items() if list(allowing(statements, probe.request(icy)))}
    assert may == MAY.get(who, MAY_ELSE_OF_ICEBERG) | MAY_OF_ICEBERG.get(who, frozenset())


@pytest.fixture(scope="module")
def telling(with_openlineage) -> Where:
    names = {name: name for name in with_openlineage["Resources"]}
    return Where(Deployed(with_openlineage, names))


@pytest.mark.parametrize("who", [*MAY, OPENLINEAGE])
def test_where_lineage_is_told_too_a_role_may_do_what_the_table_says_and_nothing_else(telling, who):
    statements = telling.deployed.roles[telling.role(who)]
    probes = {**PROBES, **OPENLINEAGE_PROBES}
    may = {
        name for name, probe in probes.items() if list(allowing(statements, probe.request(telling)))
    }
    more = MAY_OF_OPENLINEAGE.get(who, frozenset())
    assert may == MAY.get(who, MAY_ELSE_OF_OPENLINEAGE) | more
