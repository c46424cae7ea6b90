"""What each trigger makes run, and how often."""

from __future__ import annotations

import functools
import statistics
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import pairwise

from duckstring_cli.client import Client
from tests.e2e.drive import until

SOURCE = """
@ripple
def make(pond):
    note(pond, "make")
    pond.write_table("made", f"SELECT TIMESTAMPTZ '{pond.f.isoformat()}' AS f")
"""

READER = """
@ripple
def read(pond):
    note(pond, "read")
    time.sleep({seconds})
    pond.write_table("made", pond.read_table("{source}.made"))
"""


def chain(driver, *names, seconds=0.0):
    """A chain of Ponds whose output changes with every run."""
    roots = [driver.pond(names[0], SOURCE)]
    roots += [
        driver.pond(name, READER.format(source=source, seconds=seconds), sources=[source])
        for source, name in pairwise(names)
    ]
    driver.deploy(*roots)
    return names


def test_a_tap_runs_each_pond_as_often_as_its_ripples_are_deep(driver):
    """Two Ripples deep above, one below: three runs and one."""
    source = driver.pond(
        "tapped",
        """
        @ripple
        def first(pond):
            note(pond, "first")
            pond.write_table("a", f"SELECT TIMESTAMPTZ '{pond.f.isoformat()}' AS f")

        @ripple(parents=[first])
        def second(pond):
            note(pond, "second")
            pond.write_table("made", pond.read_table("a"))
        """,
    )
    driver.deploy(
        source,
        driver.pond("tapping", READER.format(source="tapped", seconds=0), sources=["tapped"]),
    )
    driver.trigger("tap", "tapping")
    driver.wait_until("tapping", lambda line: line["last_run"], what="the Tap has run")
    driver.wait_at_rest("tapped", "tapping")
    assert driver.statuses("tapped") == ["success"] * 3
    assert driver.statuses("tapping") == ["success"]
    driver.assert_each_ran_once("tapped", "tapping")


def test_a_wave_runs_on_and_its_removal_brings_the_chain_to_rest(driver):
    names = chain(driver, "spring", "brook", "river", seconds=0.2)
    said = driver.run.done("trigger", "wave", "river")
    assert "river@1: wave received" in said
    assert driver.line("river")["trigger"] == {"kind": "wave"}
    until(
        lambda: len(driver.noted("river")) >= 5,
        what="five cycles",
        show=lambda: driver.lines(*names),
    )
    driver.trigger("remove", "river")
    driver.wait_until("river", lambda line: line["trigger"] is None, what="the Wave is gone")
    lines = driver.wait_at_rest(*names)
    assert [line["status"] for line in lines.values()] == ["idle"] * 3
    assert [line["trigger"] for line in lines.values()] == [None] * 3
    for pond in names:
        assert set(driver.statuses(pond)) == {"success"}
        fresh = [row["f"] for row in driver.runs(pond)]
        assert fresh == sorted(set(fresh)), "each run fresher than the one before"
    counts = {pond: len(driver.runs(pond)) for pond in names}
    assert counts["river"] >= 5
    # A Source runs for each version that is taken of it, and a few more to fill the pipeline.
    assert counts["river"] <= counts["brook"] <= counts["river"] + 3
    assert counts["brook"] <= counts["spring"] <= counts["brook"] + 3
    driver.assert_each_ran_once(*names)
    assert {line["end_f"] for line in driver.wait_at_rest(*names).values()} == {
        line["end_f"] for line in lines.values()
    }


def test_a_wave_keeps_the_time_of_its_slowest_ripple(driver):
    """Over ten cycles, by the Catchment's own clock: what coordinating costs is at most 15 %
    of the bottleneck.
    """
    head = driver.pond(
        "headwater",
        """
        @ripple
        def quick(pond):
            time.sleep(0.3)
            pond.write_table("a", f"SELECT TIMESTAMPTZ '{pond.f.isoformat()}' AS f")

        @ripple(parents=[quick])
        def slow(pond):
            time.sleep(2.5)
            pond.write_table("made", pond.read_table("a"))
        """,
    )
    driver.deploy(
        head,
        driver.pond("delta", READER.format(source="headwater", seconds=0.3), sources=["headwater"]),
    )
    driver.trigger("wave", "delta")
    until(
        lambda: len(driver.noted("delta")) >= 12,
        what="ten cycles and two to fill the pipeline",
        show=lambda: driver.lines("delta"),
    )
    driver.trigger("remove", "delta")
    driver.wait_at_rest("headwater", "delta")
    ends = [datetime.fromisoformat(row["finished"]) for row in driver.runs("delta")][1:12]
    period = (ends[-1] - ends[0]).total_seconds() / 10
    bottleneck = statistics.median(
        _durations(driver, "slow", [row["run"] for row in driver.runs("headwater")][1:11])
    )
    assert len(ends) == 11
    assert 2.5 <= period <= 1.15 * bottleneck
    assert len(driver.runs("headwater")) <= len(driver.runs("delta")) + 3


def _durations(driver, ripple, runs):
    for run in runs:
        for attempt in driver.client.run(run)["attempts"]:
            if attempt["ripple"] == ripple:
                yield (
                    datetime.fromisoformat(attempt["finished"])
                    - datetime.fromisoformat(attempt["started"])
                ).total_seconds()


def test_a_tide_runs_again_when_its_bound_is_reached_and_ends_with_its_removal(driver):
    names = chain(driver, "moon", "shore")
    driver.trigger("tide", "shore", "2s")
    until(
        lambda: len(driver.noted("shore")) >= 3,
        what="three tides",
        show=lambda: driver.lines(*names),
    )
    assert driver.line("shore")["trigger"] == {"kind": "tide", "bound": 2.0}
    driver.trigger("remove", "shore")
    driver.wait_until("shore", lambda line: line["trigger"] is None, what="the Tide is gone")
    driver.wait_at_rest(*names)
    fresh = [row["f"] for row in driver.runs("shore")]
    assert fresh == sorted(set(fresh))
    driver.assert_each_ran_once(*names)


def test_triggers_from_another_application_come_through_the_bus(driver):
    names = chain(driver, "bus_stop", "bus_end")
    entry = {
        "EventBusName": driver.outputs["Bus"],
        "Source": "some.application",
        "DetailType": "duckstring.trigger",
    }

    def put(detail):
        assert (
            driver.aws("events").put_events(Entries=[{**entry, "Detail": detail}])[
                "FailedEntryCount"
            ]
            == 0
        )

    put('{"pond": "bus_end", "kind": "pulse"}')
    driver.wait_until("bus_end", lambda line: line["last_run"], what="the event's run")
    driver.wait_at_rest(*names)
    assert driver.statuses("bus_stop") == driver.statuses("bus_end") == ["success"]
    put('{"pond": "bus_end", "major": 1, "kind": "tap"}')
    driver.wait_until("bus_end", lambda line: line["last_run"]["number"] == 2, what="the Tap's run")
    driver.wait_at_rest(*names)
    assert driver.statuses("bus_end") == ["success"] * 2
    told = driver.run("audit", "bus_end", "--by", "event of", "--json").json["entries"]
    assert [row["what"] for row in told] == ["trigger tap", "trigger pulse"]
    assert all(row["by"].startswith("event of some.application") for row in told)
    # What makes no sense on the bus harms nobody, and the log says why it was dropped.
    senseless = {
        '{"pond": "nobody", "kind": "pulse"}': "No Pond 'nobody' in this Catchment",
        '{"pond": "bus_end", "kind": "flood"}': "No trigger 'flood'; allowed",
        '{"kind": 7}': "The event's pond is None; allowed",
        "[]": "The event's detail is list; allowed",
    }
    for detail in senseless:
        put(detail)
    driver.wait_fresh("bus_end", driver.pulse("bus_end"))
    assert driver.statuses("bus_end") == ["success"] * 3
    logged = functools.partial(orchestrator_log, driver, "event dropped")
    until(
        lambda: all(any(why in line for line in logged()) for why in senseless.values()),
        what="every reason logged",
        show=logged,
    )


def orchestrator_log(driver, word):
    for function in driver.aws("lambda").list_functions()["Functions"]:
        if function["Handler"] == "functions.orchestrator.handler.handle":
            found = driver.aws("logs").filter_log_events(
                logGroupName=function["LoggingConfig"]["LogGroup"], filterPattern=f'"{word}"'
            )
            return [event["message"] for event in found["events"]]
    raise AssertionError("no orchestrator")


def test_twenty_pulses_at_once_leave_everything_fresh_and_at_rest(driver):
    names = chain(driver, "many_a", "many_b", "many_c")
    clients = [Client(driver.client.catchment) for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        epochs = list(pool.map(lambda client: client.trigger("many_c", "pulse")["epoch"], clients))
    assert len(set(epochs)) == 20
    driver.wait_fresh("many_c", max(epochs))
    lines = driver.wait_at_rest(*names)
    assert all(line["end_f"] >= max(epochs) and line["status"] == "idle" for line in lines.values())
    assert all(1 <= len(driver.runs(pond)) <= 20 for pond in names)
    driver.assert_each_ran_once(*names)


def test_a_diamond_reads_one_freshness_of_both_sides(driver):
    side = READER.format(source="dia_top", seconds="{}")
    driver.deploy(
        driver.pond("dia_top", SOURCE),
        driver.pond("dia_left", side.format(0), sources=["dia_top"]),
        driver.pond("dia_right", side.format(1), sources=["dia_top"]),
        driver.pond(
            "dia_join",
            """
            @ripple
            def join(pond):
                left, right = pond.read_table("dia_left.made"), pond.read_table("dia_right.made")
                both = pond.con.sql(
                    "SELECT l.f AS f_left, r.f AS f_right FROM dia_left.made l, dia_right.made r"
                )
                pond.write_table("joined", both)
            """,
            sources=["dia_left", "dia_right"],
        ),
    )
    for _ in range(3):
        epoch = driver.pulse("dia_join")
    driver.wait_fresh("dia_join", epoch)
    driver.wait_at_rest("dia_top", "dia_left", "dia_right", "dia_join")
    (row,) = driver.rows("dia_join", "joined")
    assert row["f_left"] == row["f_right"]
