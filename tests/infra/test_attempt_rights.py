"""The rights of one attempt: what both the role of attempts and its session's policy allow.

Every request of an attempt is recorded (moto) and held against both. So is every attack that was
made from inside a Pond: each is refused.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from duckstring.adapters.aws.session_policy import MOST_CHARACTERS, session_policies
from duckstring.model.arrivals import Arrival
from duckstring.model.names import Line, line, location_of_key, table_key
from duckstring.model.permits import AttemptName, session_name
from duckstring.vendor.ports import Rights
from tests.infra.policies import Places, Request, allowing, requests_of
from tests.infra.template_kit import roles_of, statements
from tests.infra.test_rights import ADDRESSES, ORDERS, SALES, TABLE, attempt, calls, item, update

__all__ = ["calls"]

NAME = AttemptName(SALES, 42, "load", 1)
PINNED = table_key(ORDERS, "orders", run=7, ripple="load", attempt=1, invocation="0a1b2c3d")
LATER = table_key(ORDERS, "orders", run=8, ripple="load", attempt=1, invocation="0a1b2c3d")
HERE = Places(
    table=ADDRESSES.table,
    bucket="arn:aws:s3:::duckstring-dev-lake",
    mailbox=ADDRESSES.mailbox,
    machine="",
    secret="arn:aws:secretsmanager:eu-central-1:123456789012:secret:s",
)


class Attempt:
    """What an attempt of ``sales`` that reads a run of ``orders`` may do."""

    def __init__(self, template: dict[str, Any], rights: Rights) -> None:
        self.role = statements(template, roles_of(template)["attempt"])
        self.there = Places.of(template)
        (policy,) = session_policies(rights, ADDRESSES)
        self.session = json.loads(policy.text)["Statement"]

    def may(self, request: Request) -> bool:
        """``request`` is as of ``HERE``; the role's resources are the template's."""
        named = {
            HERE.table: self.there.table,
            HERE.bucket: self.there.bucket,
            HERE.mailbox: self.there.mailbox,
            HERE.secret: self.there.secret,
        }
        (known,) = [one for one in named if request.resource.startswith(one)]
        in_template = request.resource.replace(known, named[known], 1)
        of_role = allowing(self.role, Request(request.action, in_template, request.facts))
        return bool([*of_role]) and bool([*allowing(self.session, request)])


@pytest.fixture
def of_sales(template) -> Attempt:
    return Attempt(template, Rights(NAME, {ORDERS: [PINNED]}, arrivals=True))


def s3(action: str, key: str) -> Request:
    return Request(f"s3:{action}", f"{HERE.bucket}/{key}")


def test_an_attempt_may_do_all_that_it_does(of_sales, calls):
    clients, made = calls
    attempt(clients)
    asked = [
        request
        for name, given in made
        if name != "sqs.GetQueueUrl"
        for request in requests_of(name, given, HERE)
    ]
    asked += [s3("GetObject", TABLE), s3("PutObject", TABLE), s3("GetObject", PINNED)]
    assert [request for request in asked if not of_sales.may(request)] == []


LOCATION = location_of_key(TABLE)
"""Where this attempt lets another engine write."""


def listing(prefix: str) -> Request:
    return Request("s3:ListBucket", HERE.bucket, {"s3:prefix": [prefix]})


def test_an_attempt_may_let_an_engine_write_and_adopt_what_another_attempt_s_engine_wrote(
    of_sales,
):
    other = LOCATION.replace("-load-1-", "-load-2-")
    for key in (f"{LOCATION}part-0", f"{LOCATION}day=1/x.parquet", f"{LOCATION}_SUCCESS"):
        assert of_sales.may(s3("PutObject", key))
        assert of_sales.may(s3("GetObject", key))
        assert of_sales.may(s3("GetObject", key.replace(LOCATION, other)))
        assert not of_sales.may(s3("PutObject", key.replace(LOCATION, other)))
        assert not of_sales.may(s3("DeleteObject", key))
    assert of_sales.may(listing(LOCATION))
    assert of_sales.may(listing(other))


def test_a_sink_s_attempt_reads_the_files_that_its_source_has_adopted_and_no_others(template):
    files = [f"{location_of_key(PINNED)}part-{number}" for number in range(100)]
    sink = Attempt(template, Rights(NAME, {ORDERS: [*files, PINNED]}))  # in one short policy
    assert all(sink.may(s3("GetObject", file)) for file in files)
    assert sink.may(s3("GetObject", PINNED))
    assert not sink.may(s3("GetObject", f"{location_of_key(LATER)}part-0"))
    assert not sink.may(listing(location_of_key(PINNED)))


ATTACKS = {
    "list the whole bucket": Request("s3:ListBucket", HERE.bucket),
    "list all tables": listing("data/"),
    "list what another run's engine has written": listing(LOCATION.replace("42-", "41-")),
    "list what another Ripple's engine has written": listing(LOCATION.replace("-load-", "-join-")),
    "list what another line's engine has written": listing(LOCATION.replace("sales@1", "sales@2")),
    "write where another Ripple's engine does": s3(
        "PutObject", f"{LOCATION.replace('-load-', '-join-')}part-0"
    ),
    "write a program among tables": s3("PutObject", TABLE.replace(".parquet", ".exe")),
    "read a package of another Pond": s3("GetObject", "artifacts/orders/1.0.0/ab.zip"),
    "read tables of a line that is no Source": s3(
        "GetObject", TABLE.replace("sales@1", "payroll@1")
    ),
    "read a version of a Source that the run has not pinned": s3("GetObject", LATER),
    "overwrite what a Source has published": s3("PutObject", PINNED),
    "overwrite what an earlier run has written": s3("PutObject", TABLE.replace("42-", "41-")),
    "overwrite another Ripple's table": s3("PutObject", TABLE.replace("-load-", "-join-")),
    "write in the place of a later attempt": s3("PutObject", TABLE.replace("-load-1-", "-load-2-")),
    "write another attempt's text of an error": s3("PutObject", "errors/sales@1/42-load-2.txt"),
    "write a table of the next major": s3("PutObject", TABLE.replace("sales@1", "sales@2")),
    "read the Catchment's secret": Request("secretsmanager:GetSecretValue", HERE.secret),
    **{
        name: requests_of(*asked, HERE)[0]
        for name, asked in {
            "read another line's state": item("GetItem", "LINE#orders@1", "STATE"),
            "read another line's manifest": item("GetItem", "LINE#payroll@1", "MANIFEST#1"),
            "read what another line remembers": item("GetItem", "WORK#orders@1", "MEMO#1#load#1"),
            "write another line's attempt": update(
                "WORK#orders@1", "ATTEMPT#0000000042#load#0001", status="success"
            ),
            "write what another line remembers": update("WORK#orders@1", "MEMO#1", memo="x"),
            "read the key of permits": item("GetItem", "PERMITS", "KEY"),
            "make permits of a key of its own": update("PERMITS", "KEY", secret="x"),
        }.items()
    },
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_from_inside_an_attempt_is_refused(of_sales, attack):
    assert not of_sales.may(ATTACKS[attack])


def test_a_call_of_on_kill_writes_no_tables_and_reads_no_sources(template):
    killed = Attempt(template, Rights(NAME, writes=False))
    assert not killed.may(s3("PutObject", TABLE))
    assert not killed.may(s3("GetObject", PINNED))
    assert not killed.may(listing(LOCATION))
    assert killed.may(s3("GetObject", "artifacts/sales/1.0.0/ab.zip"))


def test_an_attempt_that_makes_checks_reads_all_that_it_checks_and_writes_no_tables(template):
    checks = Attempt(template, Rights(NAME, {ORDERS: [PINNED]}, only_reads=True))
    assert not checks.may(s3("PutObject", TABLE))
    assert not checks.may(listing(LOCATION))
    assert checks.may(s3("GetObject", TABLE))
    assert checks.may(s3("GetObject", PINNED))


names = st.text("abcdefghijklmnopqrstuvwxyz0123456789_", min_size=0, max_size=47).map("p".__add__)
lines = st.builds(line, names, st.integers(0, 999_999))


@st.composite
def rights(draw) -> Rights:
    """Of a Pond with any number of Sources with any number of tables."""
    tables = st.sampled_from([0, 1, 1, 2, 7, 40, 300])
    sources = {
        one: [
            table_key(one, f"t{number}", run=7, ripple="load", attempt=1, invocation="0a1b2c3d")
            for number in range(draw(tables))
        ]
        for one in draw(st.lists(lines, unique=True, max_size=60))
    }
    own = AttemptName(draw(lines), draw(st.integers(1, 10**9)), draw(names), 1)
    return Rights(own, sources)


def test_with_a_key_of_the_users_every_session_may_use_it_and_no_other(template):
    many = {line(f"source{number}", 1): [PINNED] for number in range(90)}
    places = replace(ADDRESSES, kms_key="arn:aws:kms:eu-central-1:123456789012:key/k")
    policies = session_policies(Rights(NAME, many), places)
    assert len(policies) > 1
    for policy in policies:
        found = json.loads(policy.text)["Statement"]
        assert len(policy.text) <= MOST_CHARACTERS
        assert [*allowing(found, Request("kms:Decrypt", places.kms_key))]
        assert not [*allowing(found, Request("kms:Decrypt", f"{places.kms_key}2"))]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rights())
def test_every_pinned_object_is_reached_by_one_session_and_no_policy_is_too_long(rights):
    policies = session_policies(rights, ADDRESSES)
    assert all(len(one.text) <= MOST_CHARACTERS for one in policies)
    assert policies[0].lines == ()
    own = dict.fromkeys(rights.sources, policies[0]) | {
        of: policy for policy in policies for of in policy.lines
    }
    for of, keys in rights.sources.items():
        reached = json.loads(own[of].text)["Statement"]
        assert all([*allowing(reached, s3("GetObject", key))] for key in keys)
    stranger = Line("zz_stranger@1")
    foreign = table_key(stranger, "t", run=7, ripple="load", attempt=1, invocation="0a1b2c3d")
    for policy in policies:
        found = json.loads(policy.text)["Statement"]
        assert not [*allowing(found, s3("GetObject", foreign))]
        assert not [*allowing(found, s3("PutObject", foreign))]
        if policy.lines:
            assert {one["Action"] for one in found} == {"s3:GetObject"}


@given(st.builds(AttemptName, lines, st.integers(1, 10**9), names, st.integers(1, 10**6)))
def test_the_name_of_a_session_is_one_that_aws_takes(attempt):
    name = session_name(attempt)
    assert 2 <= len(name) <= 64
    assert name.isascii()
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789@._-")
    assert session_name(AttemptName(attempt.line, attempt.run, attempt.ripple, 10**7)) != name


def landing_of(*rules: Arrival, **more: Any) -> list[dict[str, Any]]:
    rights = Rights(NAME, arrivals=True, rules=rules, **more)
    (policy,) = session_policies(rights, ADDRESSES)
    assert len(policy.text) <= MOST_CHARACTERS
    return json.loads(policy.text)["Statement"]


def reads(found: list[dict[str, Any]], key: str) -> bool:
    return bool([*allowing(found, Request("s3:GetObject", f"arn:aws:s3:::{key}"))])


def test_an_inlets_attempt_reads_the_objects_that_its_rules_fit_and_no_others():
    found = landing_of(Arrival("a", "landing", "in/", ".parquet"), Arrival("b", "inbox"))
    assert reads(found, "landing/in/1.parquet")
    assert reads(found, "inbox/anything")
    for key in ("landing/out/1.parquet", "landing/in/1.csv", "other/in/1.parquet"):
        assert not reads(found, key)
    assert not reads(landing_of(), "landing/in/1.parquet")


def test_with_more_rules_than_there_is_room_for_it_reads_their_buckets_or_none():
    many = [Arrival(f"r{n}", "landing", f"{'x' * 100}{n}/") for n in range(20)]
    assert reads(landing_of(*many), "landing/any")
    wide = [Arrival(f"r{n}", f"{'b' * 60}{n:02}", "x" * 900) for n in range(20)]
    assert not reads(landing_of(*wide), f"{'b' * 60}01/{'x' * 900}")


def test_signs_in_a_rule_are_no_patterns():
    found = landing_of(Arrival("a", "landing", "a*b?$/"))
    (statement,) = (one for one in found if "landing" in str(one["Resource"]))
    assert statement["Resource"] == ["arn:aws:s3:::landing/a${*}b${?}${$}/*"]


def test_an_attempt_reads_the_list_of_what_arrived_for_its_own_line_only(template):
    own = Attempt(template, Rights(NAME, arrivals=True))

    def query(line: Line) -> Request:
        facts = {"dynamodb:LeadingKeys": [f"ARRIVED#{line}"]}
        return Request("dynamodb:Query", HERE.table, facts)

    assert own.may(query(SALES))
    assert not own.may(query(ORDERS))
    assert not Attempt(template, Rights(NAME)).may(query(SALES))
