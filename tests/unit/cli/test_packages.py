"""What a change of packages may change of a stack."""

import copy

from duckstring_cli.local.packages import changed_beyond

STACK = {
    "Resources": {
        "DoorsData09": {"Type": "AWS::Lambda::LayerVersion", "Properties": {"S3Key": "a"}},
        "DoorsCore09": {"Type": "AWS::Lambda::LayerVersion", "Properties": {"S3Key": "a"}},
        "DoorsDataQueue": {"Type": "AWS::SQS::Queue", "Properties": {"S3Key": "a"}},
    },
    "Outputs": {"Table": "t"},
}


def changed(*names):
    made = copy.deepcopy(STACK)
    for name in names:
        made["Resources"][name]["Properties"]["S3Key"] = "b"
    return made


def test_the_layer_of_packages_may_differ_and_nothing_else():
    assert changed_beyond(STACK, STACK) == ()
    assert changed_beyond(STACK, changed("DoorsData09")) == ()
    assert changed_beyond(STACK, changed("DoorsData09", "DoorsCore09")) == ("DoorsCore09",)
    assert changed_beyond(STACK, changed("DoorsDataQueue")) == ("DoorsDataQueue",)


def test_what_is_new_or_gone_counts_as_well():
    made = copy.deepcopy(STACK)
    del made["Resources"]["DoorsData09"]
    made["Outputs"]["More"] = "m"
    assert changed_beyond(STACK, made) == ("DoorsData09", "Outputs")
    assert changed_beyond({}, {"Rules": {}}) == ("Rules",)
