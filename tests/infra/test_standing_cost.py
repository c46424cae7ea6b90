"""What a Catchment costs in which nothing runs: the price list counts what the template has."""

from __future__ import annotations

from duckstring.model import costs, prices
from infra.clock import SWEEP_EVERY
from infra.config import Config
from tests.infra.conftest import synthesize
from tests.infra.template_kit import function, of_type


def count(template, kind: str) -> int:
    return len(of_type(template, kind))


def test_the_parts_that_cost_by_the_month_are_those_of_the_template(template):
    assert count(template, "AWS::CloudWatch::Dashboard") == prices.DASHBOARDS
    assert count(template, "AWS::CloudWatch::Alarm") == prices.ALARMS
    assert count(template, "AWS::SecretsManager::Secret") == prices.SECRETS
    polled = count(template, "AWS::Lambda::EventSourceMapping")
    assert polled == prices.POLLED_FIFO + prices.POLLED
    assert 30 * 24 * 60 / SWEEP_EVERY.to_minutes() == prices.SWEEPS


def test_the_scratch_that_is_billed_is_what_the_ripple_function_has(template):
    scratch = function(template, "ripple")["Properties"]["EphemeralStorage"]["Size"]
    assert scratch == costs.SCRATCH_MIB


def test_a_catchment_may_do_without_its_dashboard(tmp_path):
    made = synthesize(tmp_path, Config(catchment="test", dashboard=False))
    assert count(made, "AWS::CloudWatch::Dashboard") == 0
    assert count(made, "AWS::CloudWatch::Alarm") == prices.ALARMS
    assert "Dashboard" not in made["Outputs"]
