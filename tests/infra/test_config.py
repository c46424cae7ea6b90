"""What a deployment may say about itself."""

from __future__ import annotations

import re

import pytest

from duckstring.errors import OperatorError
from duckstring.model.environment import parse_environment
from duckstring.model.retention import Retention
from infra.config import Config, Network
from tests.infra.conftest import large


def read(**context: object) -> Config:
    return Config.read(context.get)


def test_without_a_context_it_is_the_catchment_dev_in_aws():
    assert read() == Config(
        catchment="dev",
        python="3.12",
        architecture="x86_64",
        platform="",
        ephemeral=False,
        memory_mib=2048,
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("catchment", "Prod!"),
        ("python", "2.7"),
        ("python", "3.11"),
        ("reserved", "0"),
        ("reserved", "many"),
        ("architecture", "sparc"),
        ("ephemeral", "perhaps"),
        ("memory", "64"),
        ("requirements", "nowhere.txt"),
        ("function-timeout", "29"),
        ("function-timeout", "901"),
        ("image", "two words"),
        ("table", "no spaces"),
        ("table", "ab"),
        ("bucket", "My_Bucket"),
        ("secret", "prod/secret"),
        ("secret", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:without-its-end"),
        ("history", "0d"),
        ("history", "36h"),
        ("history", "36501d"),
        ("history", "always"),
        ("journal", "0d"),
        ("journal", "36h"),
        ("journal", "never"),
        ("arrivals", "landing,My_Bucket"),
        ("arrivals", ",".join(f"bucket-{number}" for number in range(21))),
    ],
)
def test_what_is_not_allowed_is_named(key, value):
    with pytest.raises(OperatorError) as caught:
        read(**{key: value})
    assert f"-c {key}={value}" in caught.value.message
    assert caught.value.hint


def test_buckets_to_hear_of_are_read_from_a_list():
    assert read(arrivals=" landing, inbox,landing,").arrivals == ("landing", "inbox")
    assert read().arrivals == ()


def test_policies_for_the_workers_are_read_from_a_list():
    ours, aws = (
        "arn:aws:iam::123456789012:policy/sales/glue-jobs",
        "arn:aws:iam::aws:policy/AmazonAthenaFullAccess",
    )
    assert Config.read({"policies": f"{ours}, {aws},{ours}"}.get).policies == (ours, aws)


@pytest.mark.parametrize(
    "listed",
    [
        "glue-jobs",
        "arn:aws:iam::123456789012:role/x",
        ",".join(f"arn:aws:iam::aws:policy/P{number}" for number in range(9)),
    ],
)
def test_what_is_no_list_of_policies_is_refused(listed):
    with pytest.raises(OperatorError, match="-c policies="):
        Config.read({"policies": listed}.get)


def test_a_network_for_tasks_is_subnets_and_a_security_group():
    given = read(
        subnets="subnet-0a1b2c3d, subnet-4e5f6a7b", **{"security-group": "sg-0a1b2c3d"}
    ).network
    assert given == Network(("subnet-0a1b2c3d", "subnet-4e5f6a7b"), "sg-0a1b2c3d", public_ip=False)
    assert read().network is None


@pytest.mark.parametrize(
    ("context", "key"),
    [
        ({"subnets": "subnet-0a1b2c3d"}, "subnets"),
        ({"security-group": "sg-0a1b2c3d"}, "security-group"),
        ({"public-ip": "true"}, "public-ip"),
        ({"subnets": "vpc-0a1b2c3d", "security-group": "sg-0a1b2c3d"}, "subnets"),
        ({"subnets": "subnet-0a1b2c3d", "security-group": "default"}, "security-group"),
        (
            {"subnets": "subnet-0a1b2c3d", "security-group": "sg-0a1b2c3d", "public-ip": "perhaps"},
            "public-ip",
        ),
    ],
)
def test_half_a_network_or_a_wrong_one_is_refused(context, key):
    with pytest.raises(OperatorError, match=f"-c {key}=") as caught:
        Config.read(context.get)
    assert caught.value.hint


def test_a_local_catchment_runs_on_the_python_of_its_machine():
    assert read(python="3.11", platform="host").python == "3.11"


def test_history_is_kept_for_days_or_for_ever():
    found = [read(**given).history_days for given in ({}, {"history": "1d"}, {"history": "48h"})]
    assert found == [400, 1, 2]
    assert read(history="36500d").history_days == 36_500
    assert read(history="never").history_days is None


def test_journals_are_kept_for_days_or_not_at_all():
    found = [read(**given).journal_days for given in ({}, {"journal": "7d"}, {"journal": "off"})]
    assert found == [30, 7, None]


def test_snapshots_are_kept_by_number_and_age():
    assert read().retention == Retention(3, 1)
    given = {"retention-snapshots": "1000", "retention-age": "3650d"}
    assert read(**given).retention == Retention(1000, 3650)


@pytest.mark.parametrize(
    ("key", "value"),
    [("retention-snapshots", one) for one in ("0", "1001", "-1", "three", "")]
    + [("retention-age", one) for one in ("30", "0d", "30h", "3651d", "never", "")],
)
def test_another_number_or_age_of_snapshots_is_refused(key, value):
    with pytest.raises(OperatorError, match=f"-c {key}={value}: not allowed"):
        read(**{key: value})


def test_concurrency_is_reserved_on_request():
    assert (read().reserved, read(reserved="50").reserved) == (None, 50)


@pytest.mark.parametrize(
    "name",
    ["PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "HOME", "LANG", "AWS_REGION", "DUCKSTRING_TABLE"],
)
def test_a_name_that_would_break_the_function_is_refused_by_name(name):
    with pytest.raises(OperatorError, match=f"env:1: {name} belongs to") as caught:
        parse_environment(f"{name}=x", where="env")
    assert "LD_LIBRARY_PATH" in caught.value.hint


def test_the_environment_file_takes_comments_quotes_and_exports():
    text = "# a comment\n\nHOST=https://a.b/?x=1\nexport TOKEN='a b'\nEMPTY=\n"
    assert parse_environment(text, where="env") == {
        "HOST": "https://a.b/?x=1",
        "TOKEN": "a b",
        "EMPTY": "",
    }


@pytest.mark.parametrize("line", ["no equals", "AWS_REGION=x", "DUCKSTRING_TABLE=x", "1A=x", "=x"])
def test_a_bad_line_of_the_environment_file_is_named_by_its_number(line):
    with pytest.raises(OperatorError, match="env:2:"):
        parse_environment(f"GOOD=1\n{line}\n", where="env")


def test_an_environment_file_larger_than_a_functions_environment_is_refused():
    with pytest.raises(OperatorError, match="bytes of variables"):
        parse_environment(f"LONG={'x' * 4000}", where="env")


def test_code_too_large_even_for_an_image_is_refused_with_its_largest_packages(tmp_path):
    code = large(tmp_path, 10_000_000_001)
    with pytest.raises(
        OperatorError,
        match=r"10000 MB \(largest: big 3 MB, libs 2 MB, small 1 MB\); Lambda allows 10000 MB",
    ):
        code.check_size()
    large(tmp_path, 10_000_000_000 - 4).check_size()


def test_who_hears_of_alarms():
    topic = "arn:aws:sns:eu-central-1:123456789012:on-call"
    config = Config.read({"alarm-topic": topic, "alarm-email": "a@b.c, d@e.f,a@b.c"}.get)
    assert (config.alarm_topic, config.alarm_emails) == (topic, ("a@b.c", "d@e.f"))
    assert (Config().alarm_topic, Config().alarm_emails) == ("", ())


@pytest.mark.parametrize(
    "context",
    [
        {"alarm-topic": "on-call"},
        {"alarm-topic": "arn:aws:sqs:eu-central-1:123456789012:on-call"},
        {"alarm-email": "somebody"},
        {"alarm-email": "a@b.c;d@e.f g"},
    ],
)
def test_who_cannot_hear_of_alarms_is_refused(context):
    ((key, value),) = context.items()
    with pytest.raises(OperatorError, match=f"-c {key}={re.escape(value)}: not allowed"):
        Config.read(context.get)
