"""Real requests of each role, refused as AWS would refuse them: the emulator enforces IAM in these
tests (``catchment init --iam``), on items, too (``patches/policies.py``).
"""

from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import ClientError

from duckstring_cli import catchments
from tests.auth.roles import MAY, PROBES, Where
from tests.e2e.conftest import deployed_as

REFUSED = {"AccessDenied", "AccessDeniedException"}


@pytest.fixture(scope="module")
def where(local_catchment) -> Where:
    return Where(deployed_as(local_catchment))


@pytest.fixture(scope="module")
def session_of(local_catchment, where):
    """A session of a role, as the function or the task has it."""
    root = catchments.session(local_catchment)

    def session(who: str) -> boto3.Session:
        # Nobody else may have the role of attempts.
        vendor = session("vendor") if who == "attempt" else None
        sts = vendor.client("sts", endpoint_url=local_catchment.endpoint) if vendor else None
        given = (sts or root.client("sts")).assume_role(
            RoleArn=where.deployed.arn(where.role(who)), RoleSessionName="probe"
        )["Credentials"]
        return boto3.Session(
            given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], "us-east-1"
        )

    return session


@pytest.mark.parametrize("who", [who for who in MAY if who != "machine"])
def test_a_role_is_refused_whatever_the_table_does_not_give_it(
    local_catchment, where, session_of, who
):
    """Nobody but Step Functions can have the machine's role."""
    session, passed = session_of(who), []
    for name in PROBES.keys() - MAY[who]:
        service, operation, parameters = PROBES[name].call
        client = session.client(service, endpoint_url=local_catchment.endpoint)
        try:
            getattr(client, operation)(**parameters(where))
            passed.append((name, "no error"))
        except ClientError as error:
            if error.response["Error"]["Code"] not in REFUSED:
                passed.append((name, error.response["Error"]))
    assert not passed


@pytest.mark.parametrize("who", ["attempt", "vendor", "api", "viewers", "sweep"])
def test_a_role_is_let_do_what_only_looks(local_catchment, where, session_of, who):
    """So that what is refused above is not refused for another reason."""
    session = session_of(who)
    for name in MAY[who] & {"read a line's state", "list the bucket", "read the secret"}:
        service, operation, parameters = PROBES[name].call
        client = session.client(service, endpoint_url=local_catchment.endpoint)
        answer = "done"
        try:
            getattr(client, operation)(**parameters(where))
        except ClientError as error:
            answer = error.response["Error"]["Code"]
        assert answer not in REFUSED, name


def test_an_authors_code_has_a_role_and_not_the_key_that_permits_everything(driver):
    root = driver.pond(
        "intruder",
        """
        import boto3
        from botocore.exceptions import ClientError

        @ripple
        def attack(pond):
            who = boto3.client("sts").get_caller_identity()["Arn"]
            table = boto3.client("dynamodb")
            key = {"pk": {"S": "LINE#intruder@1"}, "sk": {"S": "STATE"}}
            try:
                table.delete_item(TableName=os.environ["DUCKSTRING_TABLE"], Key=key)
                how = "deleted"
            except ClientError as error:
                how = error.response["Error"]["Code"]
            pond.write_table("attack", pond.con.sql(f"SELECT '{who}' AS who, '{how}' AS how"))
        """,
    )
    driver.deploy(root)
    driver.wait_fresh("intruder", driver.pulse("intruder"))
    (row,) = driver.rows("intruder", "attack")
    assert ":assumed-role/" in row["who"]
    assert row["how"] in REFUSED
