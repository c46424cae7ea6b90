"""The vendor on AWS's wire: what it is asked, what it answers, and how workers use that."""

from __future__ import annotations

import io
import json
import zlib
from base64 import b64decode, b64encode
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from duckstring.adapters.aws import admissions
from duckstring.adapters.aws.admissions import (
    AttemptCredentials,
    VendedAdmissions,
    task_credentials,
)
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.counting import Tally
from duckstring.adapters.aws.duck import Keys
from duckstring.adapters.aws.permits import PermitKeys, Permits
from duckstring.adapters.aws.roles import AttemptRole
from duckstring.adapters.aws.session_policy import Places
from duckstring.adapters.aws.state import DynamoStateStore
from duckstring.adapters.aws.vending import (
    LambdaVendor,
    answer_of,
    answer_to_object,
    request_of,
    request_to_object,
)
from duckstring.engine.effects import PublishSnapshot
from duckstring.engine.state import Attempt, PondState, RippleState, Run
from duckstring.errors import InvariantError, OperatorError, TransientError
from duckstring.model.attempts import Site
from duckstring.model.catalog import TableVersion
from duckstring.model.env_entries import Granted
from duckstring.model.instants import to_text
from duckstring.model.names import Line, table_key
from duckstring.model.permits import AttemptName, session_name
from duckstring.orchestrator.ports import Held
from duckstring.vendor.ports import Permitted, Rights, Session
from duckstring.vendor.vend import Request
from duckstring.worker.ports import Order
from tests.integration.aws import catchment, loaded

SALES, ORDERS = Line("sales@1"), Line("orders@1")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
NAME = AttemptName(SALES, 42, "load", 1)
OBJECT = table_key(ORDERS, "orders", run=7, ripple="load", attempt=1, invocation="0a1b2c3d")
SNAPSHOT = PublishSnapshot(7, NOON, {"orders": TableVersion("orders", OBJECT, 1, 1, "f")})
RUN = Run(
    42,
    NOON,
    NOON,
    timedelta(0),
    "1.0.0",
    "artifacts/sales/1.0.0/ab.zip",
    "src/pond.py",
    0,
    NOON,
    pins={ORDERS: 7},
)
STATE = PondState(
    SALES,
    runs={42: RUN},
    ripples={"load": RippleState("load", attempt=Attempt(42, 1, NOON, dispatched=True))},
)


@pytest.fixture
def here(monkeypatch):
    with catchment(monkeypatch) as found:
        secret = found.clients.secretsmanager.create_secret(
            Name="s",
            SecretString=json.dumps(
                {"A": "1", "@sales": {"B": "2"}, "@x": {"C": "3"}}
                | {"@@": {"D": "4"}, "@@sales": {"E": "5"}, "@@x": {"F": "6"}}
            ),
        )["ARN"]
        for name, value in {
            "DUCKSTRING_SECRET": secret,
            "DUCKSTRING_TABLE_ARN": "arn:aws:dynamodb:eu-central-1:123456789012:table/catchment",
            "DUCKSTRING_MAILBOX_ARN": "arn:aws:sqs:eu-central-1:123456789012:mailbox.fifo",
            "DUCKSTRING_ATTEMPT_ROLE": "arn:aws:iam::123456789012:role/attempts",
            "DUCKSTRING_POLICIES": "",
        }.items():
            monkeypatch.setenv(name, value)
        store = DynamoStateStore(found.clients, "catchment")
        store.commit(Held(PondState(ORDERS)), PondState(ORDERS), (SNAPSHOT,), (0, ""))
        store.commit(Held(PondState(SALES)), STATE, (), (0, ""))
        yield found


@pytest.fixture
def vendor(here):
    """The function's own handler, invoked as Lambda does."""
    with loaded("functions.vendor.handler") as handler:
        yield invoking(handler)


def invoking(handler):
    def invoke(*, FunctionName, Payload):  # noqa: N803 - botocore's words
        assert FunctionName == "vendor"
        answer = handler.handle(json.loads(Payload), None)
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    return LambdaVendor(
        SimpleNamespace(vendor=SimpleNamespace(invoke=invoke), tally=Tally()), "vendor"
    )


def permit(here, attempt=NAME, purpose="run"):
    return Permits(here.clients, "catchment").of(attempt, purpose)


def order(here, **more):
    return Order(SALES, 42, 1, "load", 1, Site(), permit=permit(here), **more)


def test_an_attempt_begins_with_what_the_vendor_gives(here, vendor):
    credentials = AttemptCredentials()
    admitted = VendedAdmissions(vendor, credentials, renewed=False).of_run(order(here, seconds=60))
    assert admitted.state.runs == STATE.runs
    assert admitted.snapshots.read(ORDERS, 7) == SNAPSHOT
    assert admitted.snapshots.read(ORDERS, 8) is None
    assert admitted.granted() == Granted({"A": "1", "B": "2"}, {"D": "4", "E": "5"})
    keys = admitted.keys()
    assert isinstance(keys, Keys)
    assert (keys.shared, keys.renewed) == (False, False)
    held = credentials.get_frozen_credentials()
    assert (held.access_key, held.secret_key, held.token) == (
        keys.access_key,
        keys.secret_key,
        keys.token,
    )
    caller = Clients(credentials).sts.get_caller_identity()
    assert caller["Arn"].endswith(f":assumed-role/attempts/{session_name(NAME)}")


def test_without_its_permit_an_attempt_gets_nothing(here, vendor):
    permit(here)
    credentials = AttemptCredentials()
    forged = Order(SALES, 42, 1, "load", 1, Site(), permit="x" * 32)
    with pytest.raises(OperatorError, match="without its permit"):
        VendedAdmissions(vendor, credentials, renewed=False).of_run(forged)
    with pytest.raises(InvariantError, match="before its attempt was admitted"):
        credentials.get_frozen_credentials()


def test_the_next_attempt_does_not_begin_with_the_last_ones_credentials(here, vendor):
    credentials = AttemptCredentials()
    admissions = VendedAdmissions(vendor, credentials, renewed=False)
    admissions.of_run(order(here))
    late = Order(SALES, 42, 2, "load", 1, Site(), permit=permit(here))
    assert admissions.of_run(late).state.runs == STATE.runs, "it says what is awaited instead"
    with pytest.raises(InvariantError):
        credentials.get_frozen_credentials()


def test_credentials_of_a_long_attempt_are_renewed_before_they_expire(here, vendor, monkeypatch):
    credentials = AttemptCredentials()
    keys = VendedAdmissions(vendor, credentials, renewed=True).of_run(order(here)).keys
    first = keys()
    assert keys() is first, "nobody is asked while they last"
    start = datetime.now(UTC)
    monkeypatch.setattr(admissions, "_now", lambda: start + timedelta(minutes=45))
    second = keys()
    assert second.access_key != first.access_key
    assert credentials.get_frozen_credentials().access_key == second.access_key


def test_an_attempt_that_is_over_keeps_the_credentials_that_it_has(here, vendor, monkeypatch):
    keys = VendedAdmissions(vendor, AttemptCredentials(), renewed=True).of_run(order(here)).keys
    first = keys()
    store = DynamoStateStore(here.clients, "catchment")
    store.commit(store.load(SALES), PondState(SALES, revision=1), (), (1, "1"))
    later = datetime.now(UTC) + timedelta(minutes=45)
    monkeypatch.setattr(admissions, "_now", lambda: later)
    assert keys() is first


def test_a_supervisor_asks_at_its_first_request_only(here, vendor):
    asked = []
    counting = SimpleNamespace(ask=lambda request: asked.append(request) or vendor.ask(request))
    clients = Clients(task_credentials(counting, NAME, launch=1, permit=permit(here)))
    assert asked == []
    for _ in range(2):
        arn = clients.sts.get_caller_identity()["Arn"]
    assert arn.endswith(session_name(NAME))
    assert len(asked) == 1


EVENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*request_to_object(Request(NAME, "p")), "line", "run", "ripple", "x"]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@given(EVENTS)
def test_whatever_is_sent_is_a_request_or_refused(event):
    with suppress(OperatorError):
        assert request_of(event).attempt.line


@pytest.mark.parametrize("seconds", ["inf", "-inf", "nan", "1e999"])
def test_a_request_for_no_number_of_seconds_is_refused(seconds):
    event = {**request_to_object(Request(NAME, "p")), "seconds": seconds}
    with pytest.raises(OperatorError, match="The vendor was asked for something that is not"):
        request_of(event)


def test_a_request_is_read_as_it_was_written():
    for asked in (
        Request(NAME, "p", launch=3, has_begun=True, seconds=9.5),
        Request(NAME, "p", "on_kill"),
    ):
        assert request_of(json.loads(json.dumps(request_to_object(asked)))) == asked


def test_an_answer_is_read_as_it_was_written():
    sessions = [Session("a", "b", "c", to_text(NOON)), Session("d", "e", "f", "g", (ORDERS,))]
    whole = Permitted(STATE, {ORDERS: SNAPSHOT}, {"A": "é😀"}, sessions, {"B": "ü"})
    assert answer_of(json.loads(json.dumps(answer_to_object(whole)))) == whole


def test_an_answer_of_a_vendor_without_env_values_is_read():
    answer = answer_to_object(Permitted(STATE, {}, {"A": "1"}))
    whole = json.loads(zlib.decompress(b64decode(answer["permitted"])))
    del whole["environment"]
    answer["permitted"] = b64encode(zlib.compress(json.dumps(whole).encode())).decode()
    assert answer_of(answer) == Permitted(STATE, {}, {"A": "1"}, [])


def test_an_answer_that_lambda_does_not_give_is_refused_in_one_line():
    import random

    noise = random.Random(1)
    tables = {
        f"t{number}": TableVersion(f"t{number}", noise.randbytes(60).hex(), 1, 1, "f")
        for number in range(900)
    }
    snapshots = {Line(f"s{n}@1"): PublishSnapshot(1, NOON, tables) for n in range(120)}
    with pytest.raises(InvariantError, match="there is room for"):
        answer_to_object(Permitted(STATE, snapshots))


def test_the_key_of_permits_is_made_once(here):
    both = [Permits(here.clients, "catchment") for _ in range(2)]
    both[1]._made = lambda keys: both[0]._made(keys) and Permits._made(both[1], keys)
    assert both[1].of(NAME) == both[0].of(NAME), "the second one lost the race"
    assert PermitKeys(here.clients, "catchment").read().secret


def test_a_policy_that_aws_finds_too_large_when_packed_is_made_smaller(monkeypatch):
    asked = []

    def assume_role(**given):
        asked.append(len(given["Policy"]))
        if asked[-1] > 1_400:
            raise ClientError({"Error": {"Code": "PackedPolicyTooLarge"}}, "AssumeRole")
        keys = {"AccessKeyId": "a", "SecretAccessKey": "b", "SessionToken": "c"}
        return {"Credentials": {**keys, "Expiration": NOON}}

    clients = SimpleNamespace(sts=SimpleNamespace(assume_role=assume_role))
    places = Places("arn:aws:dynamodb:r:1:table/t", "arn:aws:sqs:r:1:q")
    many = {ORDERS: [OBJECT.replace("/orders/", f"/t{number}/") for number in range(14)]}
    sessions = AttemptRole(clients, "arn", places).sessions(Rights(NAME, many), seconds=5)
    assert [one.lines for one in sessions] == [()]
    assert asked[0] > 1_400 >= asked[-1]

    def refuses(**_given):
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "AssumeRole")

    clients.sts.assume_role = refuses
    with pytest.raises(ClientError):
        AttemptRole(clients, "arn", places).sessions(Rights(NAME, many), seconds=5)


def test_a_vendor_that_fails_is_an_outage(here):
    def invoke(**_given):
        return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorMessage": "no"}')}

    broken = LambdaVendor(
        SimpleNamespace(vendor=SimpleNamespace(invoke=invoke), tally=Tally()), "vendor"
    )
    with pytest.raises(TransientError, match="The vendor failed: no"):
        broken.ask(Request(NAME, "p"))
