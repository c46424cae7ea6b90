"""Every role may do what the table says (``roles.py``), by the template, and nothing else of it."""

from __future__ import annotations

import pytest

from tests.auth.deployed import Deployed
from tests.auth.roles import MAY, PROBES, Where
from tests.infra.conftest import template
from tests.infra.policies import allowing

__all__ = ["template"]


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
        if name.startswith(("AlarmsRole", "SchedulerRoleForTarget", "TasksDefinitionExecution"))
    }
    assert set(where.deployed.roles) == ours | of_services


def test_everything_in_the_table_is_tried():
    assert frozenset().union(*MAY.values()) <= set(PROBES)
