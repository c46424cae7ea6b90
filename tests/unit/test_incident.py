"""The incident exercise: its twenty Ponds work, and each fault plants what its solution says."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest
import typer

from bench.incident import __main__ as exercise
from bench.incident import ponds
from bench.incident.faults import BY_NAME, FAULTS, daily, draw, in_order
from bench.incident.place import ExerciseError, Place, change
from duckstring.author.ripple import collecting
from duckstring_cli import deploying, groups

COMMANDS = typer.main.get_command(groups.app)
PROXIES = {pond.name for pond in ponds.PONDS if "DatabricksJob" in pond.code}


def parsed(*words: str) -> None:
    """The command has these arguments and options: nothing is called."""
    command, left = COMMANDS, list(words)
    while left and hasattr(command, "commands"):
        made = command.make_context(command.name or "", left, resilient_parsing=False)
        name, command, left = command.resolve_command(made, [*made._protected_args, *made.args])
        assert command, name
    command.make_context(command.name or "", left)


class Recorded:
    """A Pond's handle over tables in memory."""

    def __init__(self, con: duckdb.DuckDBPyConnection, name: str) -> None:
        self.con, self.name, self.f, self.slept = con, name, datetime.now(UTC), 0.0

    def write_table(self, table: str, sql: str) -> None:
        self.con.execute(f"CREATE SCHEMA IF NOT EXISTS {self.name}; USE {self.name}")
        self.con.execute(f"CREATE OR REPLACE TABLE {self.name}.{table} AS {sql}")

    append_table = write_table

    def arrivals(self) -> list[object]:
        return []


def carried_out(
    projects: Path,
) -> tuple[dict[str, str], dict[str, float], duckdb.DuckDBPyConnection]:
    """Each Pond's code, Sources first: the errors, how long they would sleep, and the tables."""
    con, errors, slept = duckdb.connect(), {}, Counter()
    for pond in ponds.PONDS:
        handle = Recorded(con, pond.name)
        if pond.name in PROXIES:
            handle.write_table("run", "SELECT 1 AS run_id")
            continue
        scope: dict[str, object] = {}
        with collecting() as declared:
            exec(
                compile((projects / pond.name / "src/pond.py").read_text(), pond.name, "exec"),
                scope,
            )
        scope["time"].sleep = lambda seconds, name=pond.name: slept.update({name: seconds})
        try:
            for one in declared:
                one.function(handle)
        except duckdb.Error as error:
            errors[pond.name] = str(error)
    return errors, dict(slept), con


@dataclass
class Told:
    """A ``Place`` that writes down what is done."""

    projects: Path
    typed: list[tuple[str, ...]] = field(default_factory=list)
    deployed: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, dict[str, object]] = field(default_factory=dict)
    objects: list[str] = field(default_factory=list)
    watched: set[str] = field(default_factory=set)

    def run(self, *words: str) -> None:
        parsed(*words)
        self.typed.append(words)

    def redeploy(self, pond: str, old: str, new: str, *, note: str) -> None:
        assert note
        change(self.projects, pond, old, new)
        self.deployed[pond] = new

    def configure(self, job: str, **settings: object) -> None:
        self.jobs[job] = settings

    def put(self, key: str) -> None:
        self.objects.append(key)

    def status(self, pond: str) -> str:
        self.watched.add(pond)
        return ""

    def attempt(self, pond: str) -> float:
        self.watched.add(pond)
        return 0.0

    def waits_for_token(self, pond: str) -> bool:
        self.watched.add(pond)
        return False

    def wait(self, claim: Callable[[], object], what: str) -> None:
        assert not claim(), "nothing has happened yet"


@pytest.fixture
def projects(tmp_path):
    for pond in ponds.PONDS:
        pond.write(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """A Ripple's ``time.sleep`` is replaced for a moment."""
    import time

    monkeypatch.setattr(time, "sleep", time.sleep)


def planted(name, projects):
    place = Told(projects)
    BY_NAME[name].plant(place)
    return place


def test_there_are_twenty_ponds_of_three_domains_that_can_be_packaged(projects):
    found = deploying.pack(deploying.read(deploying.roots(projects, tree=True)))
    assert len(found) == 20
    assert {pond.team for pond in ponds.PONDS} == {"shop", "money", "freight"}
    before: set[str] = set()
    for pond in ponds.PONDS:
        assert set(pond.sources) <= before, f"{pond.name} comes before its Sources"
        assert (pond.kind == "inlet") == (not pond.sources)
        before.add(pond.name)
    across = {
        (pond.team, source.partition("_")[0]) for pond in ponds.PONDS for source in pond.sources
    }
    assert {("money", "shop"), ("freight", "money")} <= across


def test_before_a_fault_every_pond_works_and_no_check_finds_anything(projects):
    errors, slept, con = carried_out(projects)
    assert (errors, slept) == ({}, {})
    con.execute("USE money_invoices")
    assert con.sql(ponds.BY_NAME["money_invoices"].checks["amounts_are_positive"]).fetchall() == []


def test_what_an_operator_types_first_can_be_typed():
    for words in (*ponds.SETUP, *ponds.TRIGGERS):
        parsed(*words)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_solution_names_commands_that_there_are(fault):
    for command in fault.evidence:
        parsed(*shlex.split(command))
    assert fault.outlet in {"", *ponds.OUTLETS}
    fault.symptom.format(since="12:00:00 UTC")


def above(pond: str) -> set[str]:
    """It, and all that it reads."""
    return {pond}.union(*map(above, ponds.BY_NAME[pond].sources))


@pytest.mark.parametrize("fault", [one for one in FAULTS if one.outlet], ids=lambda one: one.name)
def test_what_is_waited_for_is_seen_by_those_who_report(fault, projects):
    assert planted(fault.name, projects).watched <= above(fault.outlet)


def test_a_seed_draws_three_faults_at_different_places_and_always_the_same():
    drawn = {seed: draw(seed) for seed in range(100)}
    for seed, faults in drawn.items():
        assert len({fault.outlet for fault in faults}) == len(faults) == 3
        assert draw(seed) == faults
        assert "maintenance" not in {fault.name for fault in faults[:-1]}
    assert {fault.name for faults in drawn.values() for fault in faults} == set(BY_NAME)


def test_what_stops_every_run_is_planted_last():
    chosen = [BY_NAME["maintenance"], BY_NAME["asleep"]]
    assert in_order(chosen) == chosen[::-1]


def test_renamed_takes_a_published_column_away(projects):
    place = planted("renamed", projects)
    _, _, con = carried_out(projects)
    assert "price" not in con.sql("FROM shop_products.products").columns
    assert "1.0.1" in (projects / "shop_products/pond.toml").read_text()
    assert set(place.deployed) == {"shop_products"}


def test_ambiguous_breaks_the_reader_and_nothing_else(projects):
    planted("ambiguous", projects)
    errors, _, con = carried_out(projects)
    assert list(errors) == ["freight_costs", "freight_board"]
    assert "Ambiguous reference" in errors["freight_costs"]
    assert {"currency", "rate"} < set(con.sql("FROM money_rates.rates").columns)


def test_check_makes_rows_that_the_check_finds_and_breaks_no_ripple(projects):
    planted("check", projects)
    errors, _, con = carried_out(projects)
    assert errors == {}
    con.execute("USE money_invoices")
    assert con.sql(ponds.BY_NAME["money_invoices"].checks["amounts_are_positive"]).fetchall()


@pytest.mark.parametrize(
    ("name", "pond", "least"),
    [("slow", "freight_delays", 300), ("limit", "freight_history", 3600)],
)
def test_a_ripple_sleeps_longer_than_the_bound(name, pond, least, projects):
    planted(name, projects)
    _, slept, _ = carried_out(projects)
    assert slept.keys() == {pond}
    assert slept[pond] >= least


def test_the_only_token_is_what_the_other_pond_needs():
    users = {pond.name for pond in ponds.PONDS if f'uses="{ponds.LIMIT}"' in pond.code}
    assert users == {"freight_history", "shop_customers"}
    assert ponds.TOKENS == 1
    assert "shop_customers" in ponds.BY_NAME["shop_daily"].sources


@pytest.mark.parametrize("month", [1, 7])
@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_the_window_in_the_wrong_zone_is_closed_at_any_time_of_day(month, hour):
    now = datetime(2030, month, 15, hour, 10, tzinfo=UTC)
    options = dict(zip(*[iter(daily(now))] * 2, strict=True))
    hours, minutes = map(int, options["--start"].split(":"))
    there = now.astimezone(ZoneInfo(options["--tz"]))
    opened = [
        there.replace(hour=hours, minute=minutes) - timedelta(days=days) for days in (-1, 0, 1)
    ]
    assert options["--duration"] == "6h"
    assert not any(one <= there < one + timedelta(hours=6) for one in opened)
    meant = [now.replace(hour=hours, minute=minutes) - timedelta(days=days) for days in (0, 1)]
    assert any(one <= now < one + timedelta(hours=6) for one in meant)


def test_the_window_of_the_right_pond_is_replaced(projects):
    place = planted("window", projects)
    assert [words[2:4] for words in place.typed] == [
        ("freight_depots", "remove"),
        ("freight_depots", "add"),
    ]
    assert ponds.BY_NAME["freight_depots"].kind == "inlet"


def test_the_arrival_rule_no_longer_fits_the_key_that_comes(projects):
    place = planted("arrival", projects)
    added = place.typed[-1]
    prefix = added[added.index("--prefix") + 1]
    (key,) = place.objects
    assert key.startswith(ponds.PREFIX)
    assert not key.startswith(prefix)


def test_the_external_jobs_hang_or_fail_once_too_often(projects):
    assert planted("external", projects).jobs["transactions"]["seconds"] > 3600
    failing = planted("budget", projects).jobs["products"]["fail_next"]
    retries = ponds.BY_NAME["shop_campaigns"].fields["immediate_retries"]
    assert failing == retries + 1
    assert "PRODUCTS_JOB_ID" in ponds.BY_NAME["shop_campaigns"].code
    assert "TRANSACTIONS_JOB_ID" in ponds.BY_NAME["money_ledger"].code


@pytest.mark.parametrize(
    ("name", "words"),
    [("asleep", ("control", "sleep", "shop_funnel")), ("maintenance", ("maintenance", "on"))],
)
def test_an_operator_did_it_and_left_a_note(name, words, projects):
    (typed,) = planted(name, projects).typed
    assert typed[: len(words)] == words
    assert "--note" in typed


def test_a_change_that_does_not_fit_is_refused(projects):
    with pytest.raises(ExerciseError, match="not once"):
        change(projects, "shop_orders", "no such text", "x")


def test_without_an_exercise_there_is_no_solution(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["incident", "--solution", "--folder", str(tmp_path)])
    assert exercise.main() == 1
    assert "There is no exercise" in capsys.readouterr().err


def test_the_solution_is_told_only_when_it_is_asked_for(tmp_path, capsys, monkeypatch):
    Place(tmp_path).note(faults=["asleep"], symptoms=["The funnel page is old."])
    monkeypatch.setattr("sys.argv", ["incident", "--symptoms", "--folder", str(tmp_path)])
    assert exercise.main() == 0
    told = capsys.readouterr().out
    assert "The funnel page is old." in told
    assert str(tmp_path / "home") in told
    assert "asleep" not in told
    monkeypatch.setattr("sys.argv", ["incident", "--solution", "--folder", str(tmp_path)])
    assert exercise.main() == 0
    assert "put shop_funnel to sleep" in capsys.readouterr().out


def test_the_end_leaves_nothing_and_may_come_twice(tmp_path, capsys, monkeypatch):
    folder = tmp_path / "incident"
    Place(folder).note(faults=["asleep"], service=1)  # not our process: it is left alone
    monkeypatch.setattr("sys.argv", ["incident", "--down", "--folder", str(folder)])
    assert exercise.main() == exercise.main() == 0
    assert not folder.exists()
