"""Who asks for a change is found out, written down before it is made, and told afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from duckstring.api import auditing, history
from duckstring.api.answer import OPERATIONS, answer
from duckstring.api.audit import audit
from duckstring.api.requests import AuditRequest, RemoveRequest, Uploaded
from duckstring.engine.signals import Ordered
from duckstring.errors import OperatorError
from duckstring.model.audits import ALL, Audit, claimed, is_arn, short
from duckstring.model.instants import to_text
from duckstring.model.names import Line
from duckstring.model.said import Said
from tests.unit.api.test_control import Town
from tests.unit.api.world import (
    NOON,
    Archive,
    Ledger,
    Operators,
    Rows,
    ShelfCatalog,
    States,
    StillClock,
    graph,
    release,
)

ARN = "arn:aws:sts::123456789012:assumed-role/Admin/alice"
SALES, REPORTS = release("sales@1"), release("reports@1")


@dataclass
class Settings:
    bucket: str = "the-bucket"
    catchment: str = "dev"
    lake_after: int = 60
    iceberg: str = ""


@dataclass
class Callers:
    """STS: it knows who signed, and remembers what for."""

    arn: str = ARN
    bound_to: list[str] = field(default_factory=list)

    def who(self, proof: object, bound_to: str) -> str:
        self.bound_to.append(bound_to)
        return self.arn


@dataclass
class Ports:
    """Of the function that answers, as far as verbs need it."""

    town: Town = field(default_factory=lambda: Town(ShelfCatalog(graph(SALES, REPORTS))))
    audits: Ledger = field(default_factory=Ledger)
    callers: Callers = field(default_factory=Callers)
    operated: Operators = field(default_factory=Operators)
    settings: Settings = field(default_factory=Settings)
    repairs: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(repair=lambda: None))
    said: Said = Said()  # noqa: RUF009

    @property
    def catalog(self):
        return self.town.catalog

    @property
    def states(self):
        return self.town

    @property
    def mailbox(self):
        return self.town

    @property
    def clock(self):
        return self.town.clock


def ask(ports, number="r-1", **request):
    return answer(request, ports, number=number)


KILL = {"op": "control", "pond": "sales", "verb": "kill"}
HERE = {"user": "alice", "host": "laptop"}


def test_a_change_is_written_down_with_who_asked_for_it_and_why():
    ports = Ports()
    assert ask(ports, **KILL, caller=HERE, note="wrong data")["ok"]
    said = Said(NOON, "alice@laptop", "wrong data")
    assert ports.audits.rows == [Audit(said, "control kill", ("sales",), "r-1")]
    (letter,) = ports.town.letters
    assert letter.signal == Ordered("kill", NOON, said.by, said.note)
    assert ports.town.states[Line("sales@1")].said["kill"] == said


def test_what_only_looks_is_not_written_down_and_costs_no_question():
    ports = Ports()
    assert ask(ports, op="failure-budget", pond="sales", caller={"proof": {}})["ok"]
    assert (ports.audits.rows, ports.callers.bound_to) == ([], [])


def test_a_repair_of_the_lake_is_a_change_of_the_whole_catchment():
    ports = Ports()
    assert ask(ports, op="repair", caller=HERE, note="Glue was restored")["ok"]
    said = Said(NOON, "alice@laptop", "Glue was restored")
    assert ports.audits.rows == [Audit(said, "repair", (ALL,), "r-1")]


def test_a_change_that_is_refused_is_written_down_with_the_reason():
    ports = Ports()
    refused = ask(ports, op="control", pond="nope", verb="kill", caller=HERE)
    assert not refused["ok"]
    (row,) = ports.audits.rows
    assert (row.ponds, row.refused) == (("nope",), refused["error"]["message"])
    assert ports.town.letters == []


def test_it_is_written_down_before_the_change_is_made():
    ports = Ports()

    def dies(*_):
        raise ConnectionError("the function dies here")

    ports.town.send = dies
    with pytest.raises(ConnectionError):
        ask(ports, **KILL, caller=HERE)
    assert [row.what for row in ports.audits.rows] == ["control kill"]


def test_a_proof_is_bound_to_the_very_request_and_to_this_catchment():
    def bound_to(bucket="the-bucket", **request):
        ports = Ports(settings=Settings(bucket))
        ask(ports, **request, caller={"proof": {"host": "sts"}})
        return (*ports.callers.bound_to, ports.audits.rows[0].said.by)

    first = bound_to(**KILL, note="a")
    assert first[1] == ARN
    assert bound_to(**KILL, note="a", schema=99) == first, "the release is not part of it"
    others = [bound_to(**KILL, note="b"), bound_to(**{**KILL, "verb": "wake"}, note="a"),
              bound_to("another-bucket", **KILL, note="a")]  # fmt: skip
    assert len({first[0], *(one[0] for one in others)}) == 4


def test_who_claims_an_arn_gets_none_and_who_proves_nothing_has_no_name():
    ports = Ports(callers=Callers(""))
    ask(ports, **KILL, caller={"user": ARN, "host": "x" * 900})
    ask(ports, **KILL, caller={"proof": {"host": "evil.example"}, "user": "alice"})
    ask(ports, **KILL, caller="alice")
    ask(ports, **KILL, caller={"user": 7, "via": "page"})
    first, *rest = ports.audits.rows
    assert not is_arn(first.said.by)
    assert first.said.by.startswith("arn_aws_sts__123456789012_assumed-role_Admin_alice@xxx")
    assert len(first.said.by) <= 129
    assert [row.said.by for row in rest] == ["", "", ""]
    assert [row.via for row in rest] == ["", "", "page"]


@pytest.mark.parametrize(
    ("note", "why"),
    [(7, "note is not text"), ("x" * 601, "The note has 601 bytes; allowed: 600")],
)
def test_a_note_that_is_none_is_refused_and_nothing_happens(note, why):
    ports = Ports()
    assert why in ask(ports, **KILL, note=note)["error"]["message"]
    assert (ports.audits.rows, ports.town.letters) == ([], [])


def test_what_was_asked_for_is_told_in_words_and_text_of_others_is_one_line():
    read = auditing.words
    tide = OPERATIONS["trigger"].request("sales", "tide", bound=86400.0)
    assert read("trigger", tide) == "trigger tide bound=86400.0"
    assert read("remove", RemoveRequest("sales", table="a\nb", dry=False)) == "remove table=a b"
    window = OPERATIONS["window"].request("sales", "add", window={"name": "early", "x": 1})
    assert read("window", window) == "window add early"
    tags = OPERATIONS["tag"].request("sales", put={"team": "sales", "tier": "1"})
    assert read("tag", tags) == "tag put=team=sales,tier=1"
    assert len(read("tag", OPERATIONS["tag"].request("sales", put={"a": "x" * 9_000}))) <= 400
    named = OPERATIONS["tag"].request("sales", put={"name": "x", "team": "y"})
    assert read("tag", named) == "tag put=name=x,team=y"
    gone = OPERATIONS["tag"].request("sales", remove=["team", "tier"])
    assert read("tag", gone) == "tag remove=team,tier"
    first = OPERATIONS["priority"].request("sales", priority=90)
    assert read("priority", first) == "priority 90"
    by_six = OPERATIONS["stale"].request(
        "sales", action="set", bound={"at": "06:00", "tz": "Europe/Berlin"}
    )
    assert read("stale", by_six) == "stale set at=06:00,tz=Europe/Berlin"


def test_a_deploy_says_which_versions_whatever_the_packages_claim():
    deploy = OPERATIONS["deploy"].request
    claims = [{"pond": {"name": "sales", "version": version}} for version in ("1.0.1", "2.0.0")]
    claims += [{}, {"pond": 7}, {"pond": {"version": ["1"]}}, {"pond": {"version": "3\n" * 200}}]
    told = auditing.words("deploy", deploy([Uploaded(claim, "key", "sha") for claim in claims]))
    assert told.startswith("deploy 1.0.1 2.0.0 3 3 3")
    assert "\n" not in told
    assert len(told) < 120


def test_a_change_of_many_ponds_is_about_each_of_them_once():
    batch = OPERATIONS["batch"].request(["sales@1", "sales@2", "reports@1", "No name"], "wake")
    assert auditing.ponds_of(batch) == ("sales", "reports")
    uploaded = OPERATIONS["deploy"].request
    uploads = [auditing_upload(name) for name in ("sales", "Not a name", None)]
    assert auditing.ponds_of(uploaded(uploads)) == ("sales",)
    assert auditing.ponds_of(OPERATIONS["maintenance"].request("on")) == (ALL,)


def auditing_upload(name):
    return Uploaded({"pond": {"name": name} if name else 7}, "key", "sha")


def listed(ledger, **asked):
    catalog = ShelfCatalog(graph(SALES))
    return audit(
        AuditRequest(**asked),
        catalog=catalog,
        removals=Archive(catalog),
        audits=ledger,
        clock=StillClock(),
    )


def ledger_of(*bys):
    rows = [
        Audit(Said(NOON + timedelta(hours=at), by), "control kill", ("sales",), f"r-{at}")
        for at, by in enumerate(bys)
    ]
    return Ledger(rows)


def test_changes_are_listed_newest_first_in_pages_and_by_who_asked():
    ledger = ledger_of("alice@laptop", ARN, "")
    rows = listed(ledger)["entries"]
    assert [(row["by"], row["proven"]) for row in rows] == [
        (None, False),
        (ARN, True),
        ("alice@laptop", False),
    ]
    first = listed(ledger, limit=2)
    assert first["next"] == to_text(NOON + timedelta(hours=1))
    assert [row["request"] for row in listed(ledger, before=first["next"])["entries"]] == ["r-0"]
    assert listed(ledger, before=first["next"])["next"] is None
    assert len(listed(ledger, by="alice")["entries"]) == 2
    assert len(listed(ledger, pond="sales", since="2030-01-01T13:00:00Z")["entries"]) == 2
    with pytest.raises(OperatorError, match="No Pond 'nope'"):
        listed(ledger, pond="nope")
    with pytest.raises(OperatorError, match=r"since: .*yesterday"):
        listed(ledger, since="yesterday")


def run_of(ledger, **row):
    told = {"run": "sales@1/3", "status": "failed", "pond": "sales", **row}

    class Nothing:
        def read(self, *_):
            return None

    return history.show_run(
        "sales@1/3",
        history=Rows([told]),
        snapshots=Nothing(),
        audits=ledger,
        states=States(),
        clock=StillClock(),
    )["asked_by"]


def test_a_run_tells_who_asked_its_line_or_a_line_below_it():
    ledger = ledger_of("alice@laptop", ARN)
    at = [to_text(NOON + timedelta(hours=n)) for n in range(2)]
    assert [one["by"] for one in run_of(ledger, said_at=at[0], by="alice@laptop")] == [
        "alice@laptop"
    ]
    assert [one["by"] for one in run_of(ledger, asked=[at[1]])] == [ARN]
    assert [one["by"] for one in run_of(ledger, said_at=at[0], asked=at)] == ["alice@laptop", ARN]
    assert run_of(ledger) == []


def test_a_run_that_an_event_asked_for_says_so_although_nobody_wrote_that_down():
    at = to_text(NOON + timedelta(days=1))
    (told,) = run_of(Ledger(), said_at=at, by="event of shop", note="new", wanted="tap", asked=[at])
    assert (told["by"], told["note"], told["what"], told["proven"]) == (
        "event of shop",
        "new",
        "tap",
        False,
    )


@pytest.mark.parametrize(
    ("by", "shown"),
    [
        (ARN, "assumed-role/Admin/alice"),
        ("arn:aws:iam::123456789012:root", "root"),
        ("arn:aws-cn:iam::123456789012:user/x", "user/x"),
        ("alice@laptop", "alice@laptop"),
        ("arn:aws:s3:::bucket", "arn:aws:s3:::bucket"),
        ("", ""),
    ],
)
def test_an_arn_is_shown_without_what_is_the_same_for_all(by, shown):
    assert short(by) == shown


def test_a_claim_has_one_name_and_one_host():
    assert claimed("alice", "laptop") == "alice@laptop"
    assert claimed("", "laptop") == "laptop"
    assert claimed("a@b\x1b[31m", "") == "a_b__31m"
    assert replace(Audit(Said(), "", (), ""), via="page").via == "page"
