"""What a change of packages may change of a stack."""

import copy

from duckstring_cli import catchments, main
from duckstring_cli.catchments import Catchment
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


def test_a_catchment_in_aws_says_where_its_packages_are_set(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("DUCKSTRING_HOME", str(tmp_path))
    catchments.add(Catchment(name="prod", kind="aws", stack="prod", region="eu-central-1"))
    assert main.run(["catchment", "requirements", "needs.txt"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "error: Catchment 'prod' runs in AWS: its packages are set where it is deployed.",
        (
            "hint: Deploy it with its other options and -c requirements=needs.txt: "
            "of the stack only what differs is changed."
        ),
    ]


def test_a_catchment_that_is_stopped_uses_them_from_its_next_start_on(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.setenv("DUCKSTRING_HOME", str(tmp_path))
    needs = tmp_path / "needs.txt"
    needs.write_text("toolz\n")
    assert main.run(["catchment", "init"]) == 0
    for told in ("uses these packages from its next start on", "has these packages already"):
        assert main.run(["catchment", "requirements", str(needs)]) == 0
        assert told in capsys.readouterr().out
    needs.write_text("a b\n")
    assert main.run(["catchment", "requirements", str(needs)]) == 2
    kept = list(tmp_path.rglob("requirements.txt"))
    assert [one.read_text() for one in kept] == ["toolz\n"]
