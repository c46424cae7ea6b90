"""What operators set and who asked for what, in DynamoDB; and who signs a request, by STS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import boto3
import pytest

from duckstring.adapters.aws.audit import DynamoAudits
from duckstring.adapters.aws.callers import StsCallers
from duckstring.adapters.aws.catalog import DynamoCatalog
from duckstring.adapters.aws.operated import DynamoOperated
from duckstring.model.audits import ALL, Audit, AuditFilter
from duckstring.model.callers import BODY, HEADER, digest, headers_of
from duckstring.model.said import NO_HOLD, Hold, Said
from duckstring.ports import Operations
from duckstring_cli.calling import by_this_user, proven
from duckstring_cli.catchments import Access
from tests.integration.aws import catchment
from tests.unit.api.world import NOON

HOUR = timedelta(hours=1)
ARN = "arn:aws:iam::123456789012:user/alice"


@pytest.fixture
def here(monkeypatch):
    with catchment(monkeypatch) as found:
        yield found


# what operators set


def test_tags_of_two_people_who_set_them_at_once_both_stay(here):
    operated = DynamoOperated(here.clients, here.settings.table)
    assert operated.read() == Operations()
    operated.tag("sales", put={"team": "shop"})
    operated.tag("sales", put={"tier": "1", "size": "s"}, remove=())
    operated.tag("sales", put={"tier": "2"}, remove=("size",))
    operated.tag("reports", put={}, remove=("team",))
    assert operated.read().tags == {"sales": {"team": "shop", "tier": "2"}}


def test_of_two_holds_the_newer_one_stays(here):
    operated = DynamoOperated(here.clients, here.settings.table)
    on = Hold(NOON, on=True, by=ARN, note="new warehouse")
    assert operated.hold() == NO_HOLD
    assert operated.set_hold(on)
    assert operated.hold() == operated.read().hold == on
    assert not operated.set_hold(Hold(NOON - HOUR))
    assert not operated.set_hold(on)
    assert operated.set_hold(Hold(NOON + HOUR))
    assert operated.hold() == Hold(NOON + HOUR)
    assert DynamoCatalog(here.clients, here.settings.table).hold() == Hold(NOON + HOUR)


# who asked for what


def row(hours: int, by: str = ARN, *ponds: str, note: str = "") -> Audit:
    said = Said(NOON + hours * HOUR, by, note)
    return Audit(said, "control kill", ponds or ("sales",), f"r{hours}")


@pytest.fixture
def audits(here):
    return DynamoAudits(here.clients, here.settings.table, timedelta(days=400))


def test_what_was_asked_for_is_read_back_whole_by_pond_and_of_all_once(audits):
    many = replace(row(1, "", "sales", "reports", ALL), via="page")
    for one in (row(0, note="why"), many):
        audits.record(one)
    assert audits.of_pond("sales", AuditFilter()) == [many, row(0, note="why")]
    assert audits.of_pond("reports", AuditFilter()) == [many]
    assert audits.of_pond("nope", AuditFilter()) == []
    assert audits.of_all(NOON + HOUR, AuditFilter()) == [many, row(0, note="why")]
    assert audits.at([NOON + HOUR]) == [many]
    assert audits.at([NOON - HOUR]) == []


def test_a_refusal_is_added_to_each_of_its_rows(audits):
    many = row(0, ARN, "sales", "reports")
    audits.record(many)
    refused = replace(many, refused="no such Pond")
    audits.refused(refused)
    assert audits.of_pond("reports", AuditFilter()) == [refused]
    assert audits.of_all(NOON, AuditFilter()) == [refused]


def test_rows_are_filtered_by_time_and_by_who_asked_over_months(audits):
    for hours in (0, 1, -24 * 40):
        audits.record(row(hours, f"user-{hours}@Desk"))
    read = [one.request for one in audits.of_all(NOON + HOUR, AuditFilter())]
    assert read == ["r1", "r0", "r-960"]
    since = AuditFilter(since=NOON - 2 * HOUR)
    assert [one.request for one in audits.of_all(NOON, since)] == ["r1", "r0"]
    older = AuditFilter(before=NOON + HOUR, limit=1)
    assert [one.request for one in audits.of_all(NOON, older)] == ["r0"]
    assert [one.request for one in audits.of_pond("sales", older)] == ["r0"]
    assert [one.request for one in audits.of_all(NOON, AuditFilter(by="user-1@desk"))] == ["r1"]
    turned = AuditFilter(since=NOON, before=NOON - HOUR)
    assert audits.of_all(NOON, turned) == audits.of_pond("sales", turned) == []


def test_a_row_expires_as_history_does_or_never(here, audits):
    audits.record(row(0))
    DynamoAudits(here.clients, here.settings.table, None).record(row(1))
    first, second = here.items("AUDIT#sales").values()
    assert int(first["expires"]["N"]) == int((NOON + timedelta(days=400)).timestamp())
    assert "expires" not in second


# who signs

ANSWER = f"<GetCallerIdentityResponse><Arn>{ARN}</Arn></GetCallerIdentityResponse>".encode()


@contextmanager
def sts(status: int = 200, body: bytes = ANSWER) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """An emulator of STS, and what it was asked."""
    asked: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["content-length"]))
            asked.append({**{k.lower(): v for k, v in self.headers.items()}, "body": sent.decode()})
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


REQUEST = {"op": "control", "pond": "sales", "verb": "kill", "note": "wrong data"}


def proof_of(endpoint: str | None, token: str | None = None, region: str = "eu-central-1"):
    session = boto3.Session("AKIDEXAMPLE", "secret", token, region_name=region)
    access = Access(session, endpoint)
    return proven(REQUEST, access, region=region, bucket="the-bucket")["caller"]["proof"]


@pytest.mark.parametrize("token", [None, "a/session+token="])
def test_the_request_that_the_caller_signed_is_what_sts_gets_and_its_answer_names_the_caller(token):
    bound_to = digest(REQUEST, "the-bucket")
    with sts() as (endpoint, asked):
        assert StsCallers(endpoint).who(proof_of(endpoint, token), bound_to) == ARN
    (sent,) = asked
    assert sent["body"] == BODY.decode()
    assert sent[HEADER] == bound_to
    assert HEADER in sent["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    assert sent.get("x-amz-security-token") == token


def test_the_signature_is_botocores_over_the_digest(here):
    """As STS makes it: with the same headers it comes out the same, and with others it does not."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    assert here
    given, bound_to = proof_of(None), digest(REQUEST, "the-bucket")
    assert given["host"] == "sts.eu-central-1.amazonaws.com"

    def signature(bound: str) -> str:
        headers = headers_of(given, given["host"], bound)
        assert headers is not None
        again = AWSRequest("POST", f"https://{given['host']}/", data=BODY, headers=headers)
        again.context["timestamp"] = given["date"]
        del again.headers["authorization"]
        signer = SigV4Auth(Credentials("AKIDEXAMPLE", "secret"), "sts", "eu-central-1")
        return signer.signature(
            signer.string_to_sign(again, signer.canonical_request(again)), again
        )

    assert given["authorization"].endswith(signature(bound_to))
    assert not given["authorization"].endswith(signature(digest(REQUEST, "another-bucket")))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, ANSWER),
        (200, b"<Arn>arn:aws:s3:::x</Arn>"),
        (200, b"nothing"),
        (200, b"\xff" * 20_000),
    ],
)
def test_an_answer_that_names_nobody_is_nobodys(status, body):
    with sts(status, body) as (endpoint, _):
        assert StsCallers(endpoint).who(proof_of(endpoint), "d") == ""


class Spied(StsCallers):
    """It would believe whoever is asked."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        self.hosts: list[str] = []

    def _ask(self, host, headers):
        self.hosts.append(host)
        return 200, ANSWER


def test_nothing_is_sent_to_another_host_nor_what_does_not_cover_the_request():
    endpoint = "http://127.0.0.1:4566"
    good, callers = proof_of(endpoint), Spied(endpoint)
    unbound = str(good["authorization"]).replace(f";{HEADER}", "")
    for bad in (
        {"host": "127.0.0.1:1"},
        {"host": "evil.example"},
        {"host": f"{good['host']}@evil.example"},
        {"host": "sts.amazonaws.com.evil.example"},
        {"host": ""},
        {"authorization": unbound},
        {"authorization": f"{good['authorization']}\r\nx: y"},
        {"date": "now"},
        {"token": "a\nb"},
    ):
        assert callers.who({**good, **bad}, "d") == ""
    assert callers.who({}, "d") == ""
    assert callers.hosts == []
    assert callers.who(good, "d") == ARN
    assert callers.hosts == ["127.0.0.1:4566"]


def test_an_sts_that_does_not_answer_names_nobody():
    with sts() as (endpoint, _):
        pass
    assert StsCallers(endpoint).who(proof_of(endpoint), "d") == ""


def test_what_only_looks_is_sent_as_it_is_and_a_change_here_says_its_user(monkeypatch):
    monkeypatch.setenv("LOGNAME", "carol")
    looks = {"op": "status"}
    access = Access(boto3.Session("a", "b", region_name="eu-central-1"), None)
    assert by_this_user(looks) is proven(looks, access, region="", bucket="b") is looks
    told = by_this_user({**REQUEST, "caller": {"via": "page"}})["caller"]
    assert (told["user"], told["via"]) == ("carol", "page")
    assert set(told) == {"user", "host", "via"}


def test_a_region_of_china_has_an_sts_of_its_own(monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert proof_of(None, region="cn-north-1")["host"] == "sts.cn-north-1.amazonaws.com.cn"
