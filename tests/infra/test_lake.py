"""The parts of the lake in the stack: the exporter, what wakes it, and a stack without them."""

from __future__ import annotations

from typing import Any

import pytest

from duckstring.errors import OperatorError
from infra.config import Config
from tests.infra.conftest import synthesize
from tests.infra.template_kit import function, of_type
from tests.infra.test_config import read


def parts(template: dict[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The queue's name and properties, and how the exporter reads it."""
    (queue,) = [one for one in of_type(template, "AWS::SQS::Queue") if one.startswith("Lake")]
    (mapping,) = [
        one["Properties"]
        for one in of_type(template, "AWS::Lambda::EventSourceMapping").values()
        if one["Properties"]["EventSourceArn"] == {"Fn::GetAtt": [queue, "Arn"]}
    ]
    return queue, of_type(template, "AWS::SQS::Queue")[queue]["Properties"], mapping


def test_each_run_that_publishes_is_told_and_what_comes_within_a_minute_is_one_export(template):
    queue, properties, mapping = parts(template)
    rules = [
        one["Properties"]
        for one in of_type(template, "AWS::Events::Rule").values()
        if one["Properties"]["Targets"][0]["Arn"] == {"Fn::GetAtt": [queue, "Arn"]}
    ]
    assert [(one["EventPattern"], "EventBusName" in one) for one in rules] == [
        (
            {
                "source": ["duckstring"],
                "detail-type": ["duckstring.pond"],
                "detail": {"state": ["succeeded"]},
            },
            True,
        )
    ]
    assert (mapping["MaximumBatchingWindowInSeconds"], mapping["BatchSize"]) == (60, 1000)
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
    timeout = function(template, "exporter")["Properties"]["Timeout"]
    assert properties["VisibilityTimeout"] >= 6 * timeout + 60


def test_a_stack_may_do_without_and_then_has_nothing_of_it(tmp_path):
    made = synthesize(tmp_path, Config(catchment="test", lake_seconds=None))
    assert not [name for name in made["Resources"] if "Lake" in name or "Exporter" in name]
    assert not {"ExporterFunction", "LakeQueue"} & made["Outputs"].keys()
    for name in ("sweep", "viewers", "api"):
        variables = function(made, name)["Properties"]["Environment"]["Variables"]
        assert not [one for one in variables if one.startswith("DUCKSTRING_LAKE")]


@pytest.mark.parametrize(("given", "seconds"), [("1s", 1), ("5m", 300), ("off", None)])
def test_how_long_the_exporter_waits_is_an_option(given, seconds):
    assert read(lake=given).lake_seconds == seconds
    assert read().lake_seconds == 60


@pytest.mark.parametrize("given", ["0s", "6m", "1", "no", "", "1h", "-1s", "1s;"])
def test_another_value_is_refused_with_what_is_allowed(given):
    with pytest.raises(OperatorError) as refused:
        read(lake=given)
    assert f"-c lake={given}" in refused.value.message
    assert "1s to 5m" in refused.value.hint
