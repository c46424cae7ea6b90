"""What the template promises: nothing is lost, and functions know what they need."""

from __future__ import annotations

import pytest

from duckstring.model.settings import Settings
from tests.infra.template_kit import FUNCTIONS, KNOWS, function, of_type


def test_every_queue_has_a_dead_letter_queue_of_its_kind_or_is_one(template):
    queues = {
        name: one.get("Properties", {})
        for name, one in of_type(template, "AWS::SQS::Queue").items()
    }
    dead = {
        one["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]: one
        for one in queues.values()
        if "RedrivePolicy" in one
    }
    assert len(queues) == 6
    assert len(dead) == 2
    for queue in queues.values():
        if "RedrivePolicy" in queue:
            target = queues[queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]]
            assert target.get("FifoQueue") == queue.get("FifoQueue")
            assert queue["RedrivePolicy"]["maxReceiveCount"] == (
                1000 if queue.get("FifoQueue") else 100
            )
            assert target["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_the_mailbox_orders_by_line_at_high_throughput(template):
    (mailbox,) = [
        one["Properties"]
        for one in of_type(template, "AWS::SQS::Queue").values()
        if one["Properties"].get("FifoQueue") and "RedrivePolicy" in one["Properties"]
    ]
    assert mailbox["DeduplicationScope"] == "messageGroup"
    assert mailbox["FifoThroughputLimit"] == "perMessageGroupId"
    assert mailbox["ContentBasedDeduplication"] is True


def test_a_message_stays_hidden_for_six_timeouts_of_its_consumer(template):
    timeout = function(template, "orchestrator")["Properties"]["Timeout"]
    for queue in of_type(template, "AWS::SQS::Queue").values():
        if "RedrivePolicy" in queue["Properties"]:
            assert queue["Properties"]["VisibilityTimeout"] >= 6 * timeout


def test_the_orchestrator_reports_single_failures_of_a_batch(template):
    mappings = [
        one["Properties"]
        for one in of_type(template, "AWS::Lambda::EventSourceMapping").values()
        if one["Properties"]["FunctionName"]["Ref"].startswith("DoorsOrchestrator")
    ]
    assert len(mappings) == 2
    assert all(
        one["FunctionResponseTypes"] == ["ReportBatchItemFailures"] and one["BatchSize"] == 10
        for one in mappings
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_knows_exactly_what_it_needs(template, name):
    known = function(template, name)["Properties"]["Environment"]["Variables"]
    ours = {key for key in known if key.startswith("DUCKSTRING_")}
    filled = Settings(**dict.fromkeys(KNOWS[name], "x"))
    assert ours == filled.to_env().keys()


def test_the_environment_file_reaches_ripples_and_what_imports_them_only(template):
    having = [
        name
        for name in FUNCTIONS
        if "API_TOKEN" in function(template, name)["Properties"]["Environment"]["Variables"]
    ]
    assert having == ["ripple", "discovery"]
