"""The page for people on call: why, the past letter by letter, and who changed what."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from duckstring.model.instants import from_text, to_text
from duckstring_cli.client import Client
from duckstring_cli.errors import CatchmentRefusedError
from tests.e2e.browsing import at
from tests.e2e.drive import Driver, until
from tests.e2e.test_page_in_browser import Line, panel, viewing

__all__ = ["viewing"]

ERROR = "ValueError: the till of platform 9 <b>is locked</b>"
NOTE = '<img src=x onerror="alert(1)"> mended by hand'
ROME = ZoneInfo("Europe/Rome")
"""Where the browser of tests is."""


class Asked:
    """What a tab has asked for of the past."""

    def __init__(self, tab: Page):
        self.paths = []
        tab.on("request", lambda request: self.paths.append(request.url.partition("/api/")[2]))

    def __call__(self, kind):
        return sum(path.startswith(kind) for path in self.paths)


def whole_second(driver, pond):
    """A moment to the second, at which a Pond is as it is now, and that is over."""
    told = from_text(driver.client.why(pond)["now"])
    then = datetime.fromtimestamp(math.ceil(told.timestamp()), UTC)
    until(lambda: datetime.now(UTC) > then + timedelta(seconds=1), what="the second is over")
    return then


def broken(driver, prefix):
    """A line whose Outlet is blocked, because its Inlet has failed."""
    line = Line(driver, prefix).deploy().let_all()
    (driver.ledger / f"{line.inlet}.broken").touch()
    driver.pulse(line.outlet)
    driver.wait_for(line.outlet, "blocked")
    return line


def mended(driver, line):
    (driver.ledger / f"{line.inlet}.broken").unlink()
    driver.run.done("control", "wake", line.inlet, "--note", NOTE)
    driver.wait_until(line.outlet, lambda held: held["tables"] == 1, what="the Outlet has run")


@pytest.fixture(scope="module")
def incident(local_catchment, tmp_path_factory, ledger):
    """It is over. Its last change was refused."""
    driver = Driver(Client(local_catchment), tmp_path_factory.mktemp("ywhy"), ledger)
    line = broken(driver, "ywhy")
    line.then = whole_second(driver, line.outlet)
    mended(driver, line)
    with pytest.raises(CatchmentRefusedError):
        driver.client.control(line.inlet, "wake", major=9)
    return line


def test_the_root_cause_is_found_from_an_outlet_with_what_to_do(driver, tab, address):
    line = broken(driver, "yroot")
    asked = Asked(tab)
    tab.goto(at(address, f"/pond/{line.outlet}@1"))
    panel(tab, line.outlet).get_by_role("link", name="Why, and what would change it").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text(f"Why {line.outlet}@1")
    causes = tab.get_by_role("region", name="Causes").get_by_role("listitem")
    expect(causes).to_have_count(3)
    expect(causes.nth(0)).to_contain_text(f"{line.outlet}@1 requires {line.middle}@1")
    expect(causes.nth(2)).to_contain_text(f"Run {line.inlet}@1/1 failed")
    expect(causes.nth(2)).to_contain_text(ERROR)
    expect(causes.filter(has_text="root cause")).to_have_count(1)
    ways = tab.get_by_role("region", name="Ways")
    wake = f"duckstring control wake -c {driver.client.catchment.name} {line.inlet} -m 1"
    expect(ways.get_by_role("code").filter(has_text=wake)).to_be_visible()

    expect(tab.get_by_role("status").filter(has_text="Asked at")).to_be_visible()
    assert asked("why/") == 1
    mended(driver, line)
    expect(tab.get_by_role("status").filter(has_text="It has changed since")).to_be_visible()
    assert asked("why/") == 1  # by nobody but its reader
    tab.get_by_role("button", name="Ask again", exact=True).click()
    expect(causes).to_have_count(1)
    expect(causes).to_contain_text(f"Nobody asks for newer output of {line.outlet}@1")
    assert asked("why/") == 2

    ways.get_by_role("link", name=f"Open {line.outlet}@1").first.click()
    expect(panel(tab, line.outlet)).to_be_visible()


def test_a_moment_that_is_over_is_picked_and_explained(incident, tab, address, watch):
    line = incident
    tab.goto(at(address, f"/pond/{line.outlet}@1/why"))
    main = tab.get_by_role("main")
    expect(main).to_contain_text("Nobody asks for newer output")
    picker = tab.get_by_label("At", exact=True)
    picker.fill(f"{line.then.astimezone(ROME):%Y-%m-%dT%H:%M:%S}")
    tab.get_by_role("button", name="Explain", exact=True).click()
    expect(main).to_contain_text("All below is as it was then")
    expect(main).to_contain_text("What would have changed it then")
    causes = tab.get_by_role("region", name="Causes").get_by_role("listitem")
    expect(causes).to_have_count(3)
    root = causes.nth(2)
    expect(root).to_contain_text(ERROR)
    assert f"at={line.then:%Y-%m-%dT%H}" in tab.url.replace("%3A", ":")

    tab.reload()  # a link that can be kept
    expect(root).to_contain_text(ERROR)
    root.get_by_role("link", name=f"Why {line.inlet}@1").click()
    expect(main).to_contain_text("All below is as it was then")
    expect(tab.get_by_role("heading", level=1)).to_have_text(f"Why {line.inlet}@1")
    tab.get_by_role("button", name="Now", exact=True).click()
    expect(main).to_contain_text("Nobody asks for newer output")

    watch.expects("status of 409|status of 400")
    tomorrow = to_text(datetime.now(UTC) + timedelta(days=1))
    tab.goto(at(address, f"/pond/{line.inlet}@1/why?at={tomorrow}"))
    expect(tab.get_by_role("alert")).to_contain_text("is still to come")


def test_where_journals_do_not_reach_it_says_so_and_what_keeps_them(driver, tab, address, watch):
    line = Line(driver, "ykept").deploy()
    said = "What ykept@1 was like is not known: its journal begins at 2030-01-01 06:00 UTC."
    tab.route(
        "**/api/why/**",
        lambda route: route.fulfill(
            status=409, json={"error": {"type": "NotKeptError", "message": said, "hint": ""}}
        ),
    )
    watch.expects("status of 409")
    tab.goto(at(address, f"/pond/{line.inlet}@1/why?at=2020-01-01T00:00:00Z"))
    expect(tab.get_by_role("alert")).to_contain_text(said)
    expect(tab.get_by_role("main")).to_contain_text("-c journal=off keeps none")
    span = "from=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z"
    tab.goto(at(address, f"/pond/{line.inlet}@1/replay?{span}"))
    expect(tab.get_by_role("main")).to_contain_text("The Pond got no letter between these times.")
    tab.get_by_role("button", name="Go to the last run before").click()
    expect(tab.get_by_role("status").filter(has_text="There is no run before.")).to_be_visible()


def test_an_incident_is_stepped_through_by_keys_from_the_run_that_failed(incident, tab, address):
    line = incident
    asked = Asked(tab)
    tab.goto(at(address, f"/run/{line.inlet}@1/1"))
    tab.get_by_role("link", name="What it led to", exact=True).click()
    expect(tab.get_by_role("main")).to_contain_text(ERROR)
    tab.go_back()
    tab.get_by_role("link", name="Replay it", exact=True).click()
    steps = tab.get_by_role("region", name="Steps").get_by_role("button")
    step = tab.get_by_role("region", name=re.compile(r"^Step \d+$"))
    expect(step).to_have_attribute("aria-label", "Step 1")
    assert asked("replay/") == 1
    tab.keyboard.press("n")
    expect(step).to_have_attribute("aria-label", "Step 2")
    tab.keyboard.press("p")
    expect(step).to_have_attribute("aria-label", "Step 1")
    expect(step.get_by_role("button", name="← Step before")).to_be_disabled()

    tab.get_by_role("searchbox", name="Find").fill("status failed till")
    expect(steps.filter(has_text="till of platform 9")).to_have_count(1)
    expect(step).to_contain_text(ERROR)
    expect(step.get_by_role("definition").first).to_contain_text("running → failed")
    expect(step).to_contain_text("Tell the Sinks")
    steps.first.click()
    assert "step=" in tab.url
    assert asked("replay/") == 1
    tab.reload()
    expect(step).to_contain_text(ERROR)  # the link names the step
    step.get_by_role("link", name="Why at this moment").click()
    expect(tab.get_by_role("main")).to_contain_text("All below is as it was then")
    expect(tab.get_by_role("region", name="Causes")).to_contain_text("failed")


def test_who_changed_what_is_told_with_notes_and_refusals_as_text(incident, tab, address):
    line = incident
    asked = Asked(tab)
    tab.goto(at(address, f"/pond/{line.inlet}@1"))
    opened = panel(tab, line.inlet)
    expect(opened.get_by_role("heading", name="Last runs")).to_be_visible()
    assert asked("audit") == 0
    opened.get_by_text("Who changed it, and why").click()
    changes = opened.get_by_role("listitem").filter(has_text="More")
    expect(changes.first).to_contain_text("refused")
    expect(changes.first).to_contain_text("wake")
    woken = changes.filter(has_text=NOTE)
    expect(woken).to_have_count(1)
    assert asked("audit") == 1
    opened.get_by_role("link", name=f"All changes of {line.inlet}").click()

    found = tab.get_by_role("main").get_by_role("listitem")
    expect(found.filter(has_text=NOTE)).to_have_count(1)
    expect(found.filter(has_text="deploy")).to_have_count(1)
    tab.get_by_role("textbox", name="By").fill("nobody at all")
    tab.get_by_role("button", name="Show", exact=True).click()
    expect(tab.get_by_role("main")).to_contain_text("No change is like this.")
    assert "by=nobody" in tab.url
    tab.get_by_role("textbox", name="By").fill("")
    tab.get_by_role("combobox", name="When").select_option("in the last hour")
    expect(found.filter(has_text=NOTE)).to_have_count(1)
    found.filter(has_text=NOTE).get_by_role("link", name="What followed").click()
    step = tab.get_by_role("region", name=re.compile(r"^Step \d+$"))
    expect(step).to_contain_text("control wake")
    expect(step).to_contain_text(NOTE)


def test_a_run_and_the_catchment_say_who_asked_and_why(incident, tab, address):
    tab.goto(at(address, f"/run/{incident.inlet}@1/2"))
    expect(tab.get_by_role("main").get_by_role("definition").filter(has_text=NOTE)).to_be_visible()
    expect(tab.get_by_role("region", name="Asked for")).to_contain_text("control wake")
    tab.goto(at(address, "/catchment"))
    latest = tab.get_by_role("region", name="Changes", exact=True)
    mine = latest.get_by_role("listitem").filter(has_text=incident.inlet)
    expect(mine.filter(has_text=NOTE)).to_have_count(1)


def test_a_point_of_the_freshness_chart_leads_to_why_it_was_so(incident, tab, address):
    tab.goto(at(address, "/catchment"))
    chart = tab.get_by_role("slider", name=f"age of {incident.outlet}@1")
    more = tab.get_by_role("button", name=re.compile("^Show more"))
    until(
        lambda: chart.is_visible() or (more.is_visible() and more.click()) or chart.is_visible(),
        what="the chart is shown",
    )
    chart.focus()
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("heading", level=1)).to_have_text(f"Why {incident.outlet}@1")
    expect(tab.get_by_role("main")).to_contain_text("All below is as it was then")


def test_a_viewer_reads_all_of_it(incident, tab, viewing):
    line = incident
    tab.goto(at(viewing, f"/pond/{line.outlet}@1/why?at={to_text(line.then)}"))
    expect(tab.get_by_role("region", name="Causes")).to_contain_text(ERROR)
    tab.goto(at(viewing, f"/pond/{line.inlet}@1/replay"))
    expect(tab.get_by_role("region", name="Steps")).to_contain_text("control wake")
    step = tab.get_by_role("region", name=re.compile(r"^Step \d+$"))
    expect(step.get_by_role("button", name="Next step →")).to_be_disabled()  # the newest
    tab.goto(at(viewing, f"/catchment/changes?pond={line.inlet}"))
    expect(tab.get_by_role("main")).to_contain_text(NOTE)
