"""The page as people use it: a real browser, a real Catchment."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from queue import Queue
from threading import Thread

import duckdb
import pytest
from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as NotSeen

from duckstring.model.access import level_for
from duckstring_cli.client import Client
from duckstring_cli.doors import open_door
from duckstring_cli.errors import AccessError
from duckstring_cli.page import serve
from tests.e2e.browsing import at, browsing
from tests.e2e.drive import until
from tests.e2e.serving import served

INLET = """
@ripple
def load(pond):
    hold(pond)
    print("loading", pond.name)
    if (Path(os.environ["LEDGER"]) / f"{pond.name}.broken").exists():
        raise ValueError("the till of platform 9 <b>is locked</b>")
    pond.write_table("sold", "SELECT range AS n, 'ticket ' || range AS name FROM range(3)")
"""
MIDDLE = """
@ripple
def add_up(pond):
    pond.write_table("totals", "SELECT count(*) AS n, sum(n) AS total FROM {source}.sold")
"""
OUTLET = """
@ripple
def report(pond):
    hold(pond)
    pond.write_table("figures", "SELECT n, total, '{{}}' || n AS label FROM {source}.totals")
"""


class Line:
    """Inlet, middle and Outlet of one test."""

    def __init__(self, driver, prefix):
        self.driver = driver
        self.inlet, self.middle, self.outlet = (
            f"{prefix}_{each}" for each in ("tickets", "takings", "reports")
        )
        self.all = (self.inlet, self.middle, self.outlet)

    def deploy(self):
        pond, source = self.driver.pond, self.inlet
        self.driver.deploy(
            pond(self.inlet, INLET),
            pond(self.middle, MIDDLE.format(source=self.inlet), sources=[source]),
            pond(
                self.outlet,
                OUTLET.format(source=self.middle),
                sources=[self.middle],
                type="outlet",
            ),
        )
        return self

    def let_all(self):
        for each in self.all:
            self.driver.let(each)
        return self

    def filled(self):
        """Deployed and run once."""
        self.deploy().let_all()
        epoch = self.driver.pulse(self.outlet)
        self.driver.wait_fresh(self.outlet, epoch)
        return self


def on_canvas(tab: Page, pond: str, state: str) -> Locator:
    return tab.get_by_role("link", name=f"{pond}@1, {state}", exact=True)


def panel(tab: Page, pond: str) -> Locator:
    return tab.get_by_role("complementary", name=f"Pond {pond}@1", exact=True)


def fitted(tab: Page, wanted: Locator) -> None:
    """As a reader does who does not see it: what is new may lie outside the picture."""

    def look() -> bool:
        tab.get_by_role("button", name="Fit", exact=True).click()
        with suppress(NotSeen):
            wanted.wait_for(timeout=2000)
        return wanted.is_visible()

    until(look, what=f"{wanted} is seen")


def test_ponds_appear_and_change_while_one_watches(driver, tab, address):
    line = Line(driver, "seen")
    tab.goto(address)
    expect(tab.get_by_role("status").filter(has_text="live")).to_be_visible()
    assert "token" not in tab.url
    line.deploy()
    for each in line.all:  # the picture makes room for what is new
        expect(on_canvas(tab, each, "idle")).to_be_in_viewport()
    on_canvas(tab, line.outlet, "idle").click()
    opened = panel(tab, line.outlet)
    expect(opened).to_contain_text("It has never run")
    opened.get_by_role("button", name="Pulse", exact=True).click()
    fitted(tab, on_canvas(tab, line.inlet, "running"))
    driver.let(line.inlet)
    expect(on_canvas(tab, line.outlet, "running")).to_be_visible()
    expect(opened.get_by_role("link", name=f"Watch {line.outlet}@1/1")).to_be_visible()
    driver.let(line.outlet)
    for each in line.all:
        expect(on_canvas(tab, each, "idle")).to_be_visible()
    expect(opened).to_contain_text("Published1 table, 1 rows")
    expect(opened.get_by_role("link", name="figures")).to_be_visible()


def test_a_failure_is_found_from_its_outlet_in_two_clicks_read_mended_and_cleared(
    driver, tab, address
):
    line = Line(driver, "broke").deploy().let_all()
    broken = driver.ledger / f"{line.inlet}.broken"
    broken.touch()
    driver.pulse(line.outlet)
    driver.wait_for(line.outlet, "blocked")

    tab.goto(at(address, f"/pond/{line.outlet}@1"))
    expect(panel(tab, line.outlet)).to_contain_text(f"Blocked by {line.inlet}@1")
    tab.get_by_role("button", name="Go to the root cause", exact=True).click()
    opened = panel(tab, line.inlet)
    expect(opened).to_contain_text("the till of platform 9 <b>is locked</b>")
    run = driver.line(line.inlet)["failure"]["run"]
    opened.get_by_role("link", name=f"See the error of {run}").click()

    (attempt,) = driver.client.run(run)["attempts"]
    assert attempt["traceback"].startswith("Traceback")
    expect(tab.get_by_label("The error")).to_have_text(attempt["message"])
    assert tab.get_by_label("The traceback").text_content() == attempt["traceback"]
    expect(tab.get_by_role("log")).to_contain_text(f"loading {line.inlet}")

    broken.unlink()
    tab.get_by_role("heading", level=1).get_by_role("link", name=f"{line.inlet}@1").click()
    opened.get_by_role("button", name="Clear", exact=True).click()
    expect(tab.get_by_role("status")).to_contain_text([f"{line.inlet}@1 is cleared."])
    # The path goes out with its cause.
    expect(tab.get_by_role("button", name="Path to the root cause")).to_be_hidden()
    opened.get_by_role("link", name=f"{line.middle}@1").click()
    panel(tab, line.middle).get_by_role("link", name=f"{line.outlet}@1").click()
    expect(panel(tab, line.outlet)).to_contain_text("Published1 table, 1 rows")
    expect(panel(tab, line.outlet)).to_contain_text("Nothing is wanted of it")


def test_a_table_is_read_asked_in_sql_and_saved(driver, tab, address, watch, tmp_path):
    line = Line(driver, "asked").filled()
    tab.goto(at(address, "/data"))
    catalog = tab.get_by_role("navigation", name="Ponds and tables")
    catalog.get_by_role("searchbox").fill(line.inlet)
    catalog.get_by_role("link", name=line.inlet).click()
    catalog.get_by_role("link", name="sold").click()
    first = tab.get_by_role("region", name="The first rows of sold")
    expect(first.get_by_role("columnheader")).to_have_text(["nBIGINT", "nameVARCHAR"])
    expect(first.get_by_role("cell")).to_have_text(
        ["0", "ticket 0", "1", "ticket 1", "2", "ticket 2"]
    )

    box = tab.get_by_role("textbox", name="SQL over all Ponds")
    expect(box).to_have_value(f"FROM {line.inlet}.sold LIMIT 100")
    sold = f"{line.inlet}.sold"
    box.fill(f"SELECT n + 1 AS next, 'a,\"b\"' AS odd, NULL AS none FROM {sold} WHERE n > 0")
    box.press("Control+Enter")
    result = tab.get_by_role("region", name="The result")
    expect(result.get_by_role("cell")).to_have_text(["2", 'a,"b"', "NULL", "3", 'a,"b"', "NULL"])
    saved = {}
    for kind in ("CSV", "Parquet"):
        with tab.expect_download() as begun:
            tab.get_by_role("button", name=kind, exact=True).click()
        saved[kind] = tmp_path / begun.value.suggested_filename
        begun.value.save_as(saved[kind])
    assert saved["CSV"].read_text() == 'next,odd,none\n2,"a,""b""",\n3,"a,""b""",\n'
    rows = duckdb.read_parquet(str(saved["Parquet"])).fetchall()
    assert rows == [(2, 'a,"b"', None), (3, 'a,"b"', None)]

    watch.expects("status of 400")
    box.fill(f"SELECT nothing FROM {sold}")
    tab.get_by_role("button", name="Run Ctrl Enter").click()
    expect(tab.get_by_role("alert")).to_contain_text('Referenced column "nothing" not found')


def test_a_kill_is_asked_first_and_a_wake_runs_again(driver, tab, address):
    line = Line(driver, "stopped").deploy()
    driver.pulse(line.outlet)
    tab.goto(at(address, f"/pond/{line.inlet}@1"))
    opened = panel(tab, line.inlet)
    expect(opened.get_by_role("link", name=f"Watch {line.inlet}@1/1")).to_be_visible()
    kill = opened.get_by_role("button", name="Kill", exact=True)
    kill.click()
    asked = tab.get_by_role("dialog", name=f"Kill: {line.inlet}@1?")
    expect(asked).to_contain_text(f"This stops {line.inlet}@1/1 now")
    asked.get_by_role("button", name="Cancel").click()
    expect(asked).to_be_hidden()
    expect(kill).to_be_focused()
    kill.click()
    tab.keyboard.press("Escape")
    expect(asked).to_be_hidden()
    assert driver.line(line.inlet)["status"] == "running"
    assert driver.statuses(line.inlet) == ["running"]

    kill.click()
    asked.get_by_role("button", name="Kill", exact=True).click()
    expect(opened).to_contain_text("An operator killed it")
    assert driver.statuses(line.inlet) == ["killed"]
    line.let_all()
    opened.get_by_role("button", name="Wake", exact=True).click()
    expect(opened).to_contain_text("Published1 table, 3 rows")
    expect(opened.get_by_role("link", name=f"{line.inlet}@1/2")).to_be_visible()
    assert driver.statuses(line.inlet) == ["killed", "success"]


def test_a_tide_is_set_seen_and_removed(driver, tab, address):
    line = Line(driver, "tidal").filled()
    tab.goto(at(address, f"/pond/{line.outlet}@1"))
    opened = panel(tab, line.outlet)
    opened.get_by_role("button", name="Tide …").click()
    asked = tab.get_by_role("dialog", name=f"A Tide for {line.outlet}@1")
    bound = asked.get_by_role("textbox", name="Bound")
    bound.fill("soon")
    expect(asked.get_by_role("button", name="Set the Tide")).to_be_disabled()
    bound.fill("6h")
    asked.get_by_role("button", name="Set the Tide").click()
    expect(opened).to_contain_text("Tide: at most 6h old")
    expect(opened).to_contain_text("Its Tide of 6h is reached in 5h")
    assert driver.line(line.outlet)["trigger"] == {"kind": "tide", "bound": 6 * 3600}
    tab.get_by_role("navigation", name="Views").get_by_role("link", name="Catchment").click()
    ahead = tab.get_by_role("region", name="Ahead")
    expect(ahead.get_by_role("link", name=f"{line.outlet}@1").first).to_be_visible()
    tab.go_back()
    opened.get_by_role("button", name="Remove", exact=True).click()
    tab.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(opened).to_contain_text("none of its own")
    assert driver.line(line.outlet)["trigger"] is None
    tab.get_by_role("button", name=re.compile("^Set its Tide of .* again$")).click()
    expect(opened).to_contain_text("Tide: at most")


def test_ponds_are_selected_and_pulsed_together(driver, tab, address):
    one, other = Line(driver, "picked_a"), Line(driver, "picked_b")
    one.deploy().let_all()
    other.deploy().let_all()
    tab.goto(address)
    for line in (one, other):
        on_canvas(tab, line.outlet, "idle").click(modifiers=["ControlOrMeta"])
    tab.get_by_role("button", name="Act on 2").click()
    asked = tab.get_by_role("dialog")
    asked.get_by_role("combobox", name="Action").select_option("pulse")
    asked.get_by_role("button", name="Pulse 2").click()
    for line in (one, other):
        driver.wait_until(line.outlet, lambda held: held["tables"], what="it has run")
    tab.keyboard.press("Escape")
    expect(tab.get_by_role("button", name="Act on 2")).to_be_hidden()


def test_runs_are_narrowed_and_columns_and_the_catchment_are_shown(driver, tab, address):
    line = Line(driver, "looked").filled()
    tab.goto(at(address, f"/runs?pond={line.outlet}"))
    rows = tab.get_by_role("region", name="Runs, newest first").get_by_role("row")
    expect(rows).to_have_count(2)  # the heading, and its only run
    tab.get_by_role("combobox", name="Begun").select_option("1h")
    expect(rows).to_have_count(2)
    tab.get_by_role("combobox", name="Begun").select_option("between")
    tab.get_by_label("to", exact=True).fill("2020-01-01T00:00")
    expect(tab.get_by_text("No run is like this.")).to_be_visible()
    tab.reload()
    expect(tab.get_by_label("to", exact=True)).to_have_value("2020-01-01T00:00")

    tab.goto(at(address, f"/pond/{line.outlet}@1"))
    opened = panel(tab, line.outlet)
    opened.get_by_role("button", name="Columns of figures").click()
    expect(opened.get_by_text("HUGEINT")).to_be_visible()
    expect(opened).to_contain_text("stay in every version of major 1")

    tab.goto(at(address, "/catchment"))
    doctor = tab.get_by_role("region", name="Doctor")
    areas = ("access", "versions", "functions", "queues", "dead letters", "alarms", "tasks")
    for area in (*areas, "lines"):
        expect(doctor).to_contain_text(area)
    expect(doctor.get_by_role("status")).to_contain_text("Looked at")
    told = tab.get_by_role("region", name="Freshness of Outlets")
    of_the_outlet = told.get_by_role("link", name=f"{line.outlet}@1")
    more = told.get_by_role("button", name="Show more")
    # Other tests share the Catchment: twelve Outlets are drawn, the rest are behind a button.
    expect(of_the_outlet.or_(more).first).to_be_visible()
    while more.is_visible():
        more.click()
    expect(of_the_outlet).to_be_visible()


def in_three_days() -> str:
    """A day on which a Window is not open now: of an open one the page says when it closes."""
    return (datetime.now(UTC) + timedelta(days=3)).strftime("%a").upper()


def test_a_window_is_added_with_its_next_openings_and_removed(driver, tab, watch, address):
    line = Line(driver, "paned").deploy()
    tab.goto(at(address, f"/pond/{line.inlet}@1"))
    opened = panel(tab, line.inlet)
    opened.get_by_role("button", name="Add a Window …").click()
    asked = tab.get_by_role("dialog", name=f"A Window for {line.inlet}@1")
    asked.get_by_role("textbox", name="Name").fill("early")
    asked.get_by_role("textbox", name="Opens at").fill("03:30")
    asked.get_by_role("textbox", name="For").fill("3h")
    asked.get_by_role("checkbox", name=(day := in_three_days())).check()
    asked.get_by_role("button", name="Add", exact=True).click()
    expect(asked).to_be_hidden()
    expect(opened).to_contain_text(re.compile(rf"every 1d from \S+ 03:30 UTC for 3h, on {day}"))
    begins = driver.line(line.inlet)["windows"][0]["next"]["start"]
    openings = opened.get_by_role("listitem").filter(has_text=re.compile(r"\(in "))
    expect(openings).to_have_count(5)
    first = openings.first.locator("time")
    expect(first).to_have_attribute("datetime", f"{begins[:19]}.000Z")
    expect(first).to_have_attribute("title", re.compile("03:30"))  # UTC

    opened.get_by_role("button", name="Add a Window …").click()
    asked = tab.get_by_role("dialog", name=f"A Window for {line.inlet}@1")
    asked.get_by_role("textbox", name="Name").fill("early")
    watch.expects(r"status of 4\d\d")
    asked.get_by_role("button", name="Add", exact=True).click()
    expect(asked.get_by_role("alert")).to_contain_text("early")
    asked.get_by_role("button", name="Cancel").click()

    opened.get_by_role("button", name="Remove", exact=True).last.click()
    asked = tab.get_by_role("dialog", name="Remove Window early?")
    asked.get_by_role("button", name="Remove", exact=True).click()
    expect(opened).to_contain_text("It may run at any time.")
    assert driver.line(line.inlet)["windows"] == []


def test_a_window_may_follow_the_calendar_of_a_zone(driver, tab, watch, address):
    line = Line(driver, "glazed").deploy()
    tab.goto(at(address, f"/pond/{line.inlet}@1"))
    opened = panel(tab, line.inlet)
    opened.get_by_role("button", name="Add a Window …").click()
    asked = tab.get_by_role("dialog", name=f"A Window for {line.inlet}@1")
    asked.get_by_role("textbox", name="Name").fill("monthly")
    asked.get_by_role("combobox", name="Repeats").select_option("by a calendar (cron)")
    asked.get_by_role("textbox", name="Cron").fill("0 6 15 *")
    expect(asked).to_contain_text("Cron: five fields")
    expect(asked.get_by_role("button", name="Add", exact=True)).to_be_disabled()
    asked.get_by_role("textbox", name="Cron").fill("0 6 15 * *")
    asked.get_by_role("textbox", name="Time zone").fill("Asia/Tokio")
    watch.expects(r"status of 4\d\d")
    asked.get_by_role("button", name="Add", exact=True).click()
    expect(asked.get_by_role("alert")).to_contain_text("Did you mean Asia/Tokyo?")
    asked.get_by_role("textbox", name="Time zone").fill("Asia/Tokyo")
    asked.get_by_role("button", name="Add", exact=True).click()
    expect(asked).to_be_hidden()
    expect(opened).to_contain_text(
        "0 6 15 * * Asia/Tokyo (at 06:00 on the 15th day of every month)"
    )
    openings = opened.get_by_role("listitem").filter(has_text=re.compile(r"\(in "))
    expect(openings).to_have_count(5)
    expect(openings.nth(1)).to_contain_text("06:00 Asia/Tokyo")
    (told,) = driver.line(line.inlet)["windows"]
    assert (told["tz"], told["cron"], told["duration"]) == ("Asia/Tokyo", "0 6 15 * *", 10_800)
    driver.run.done("trigger", "window", line.inlet, "remove", "monthly")


@pytest.fixture(scope="module")
def looking(browser, local_catchment):
    """The address of a page that only shows."""
    with served(local_catchment.name, "--read-only") as told:
        yield told


FROM_ITS_OWN_CONSOLE = """
async ([path, body]) => {
    const token = sessionStorage.getItem("duckstring-token");
    const answer = await fetch(path, {
        method: "POST",
        headers: {"Authorization": `Bearer ${token}`, "Content-Type": "application/json"},
        body: JSON.stringify(body),
    });
    return [answer.status, (await answer.json()).error?.message ?? ""];
}
"""


def without_age(line):
    return {name: value for name, value in line.items() if name != "staleness_seconds"}


def test_a_page_that_only_shows_offers_nothing_and_is_refused_everything(
    driver, tab, looking, watch
):
    line = Line(driver, "shown").filled()
    tab.goto(at(looking, f"/pond/{line.inlet}@1"))
    opened = panel(tab, line.inlet)
    expect(opened.get_by_role("link", name="sold")).to_be_visible()
    expect(tab.get_by_role("banner")).to_contain_text("read-only")
    expect(opened).to_contain_text("Actions are not offered.")
    assert opened.get_by_role("button").all_inner_texts() == ["✕", "Columns ▾"]
    assert opened.get_by_role("textbox").count() == 0
    watch.expects("status of 409")
    before = without_age(driver.line(line.inlet)), driver.runs(line.outlet)
    acts = {
        "/api/trigger": {"pond": line.outlet, "major": 1, "kind": "pulse"},
        "/api/control": {"line": f"{line.inlet}@1", "verb": "kill"},
        "/api/window": {"line": f"{line.inlet}@1", "action": "remove", "name": "x"},
        "/api/budgets": {"line": f"{line.inlet}@1", "source_retries": 3},
        "/api/compute": {"line": f"{line.inlet}@1", "ripple": "load", "place": "task"},
    }
    for path, body in acts.items():
        status, message = tab.evaluate(FROM_ITS_OWN_CONSOLE, [path, body])
        assert (status, "--read-only" in message) == (409, True), path
    assert without_age(driver.line(line.inlet)) == before[0]
    assert driver.runs(line.outlet) == before[1]


class Viewer(Client):
    """Somebody whose credentials may only read, as AWS would have it."""

    def __init__(self, catchment):
        opened = open_door(catchment)

        def ask(request):
            if level_for(request) != "viewer":
                raise AccessError(f"{request['op']} needs the operator policy.")
            return opened(request)

        super().__init__(catchment, invoke=ask)

    def level(self):
        return "viewer"


@pytest.fixture
def viewing(local_catchment):
    """The address of a viewer's page."""
    told = Queue()
    with serve.listening(None) as held:
        Thread(
            target=serve.serve,
            args=(Viewer(local_catchment), held),
            kwargs={"read_only": False, "on_ready": told.put},
            daemon=True,
        ).start()
        yield told.get(timeout=20)


def test_a_viewer_sees_everything_and_is_offered_no_action(driver, tab, viewing, watch):
    line = Line(driver, "viewed").filled()
    tab.goto(at(viewing, f"/pond/{line.inlet}@1"))
    opened = panel(tab, line.inlet)
    expect(opened.get_by_role("link", name="sold")).to_be_visible()
    badge = tab.get_by_role("banner").get_by_text("read-only", exact=True)
    expect(badge).to_have_attribute("title", "Your credentials may only read.")
    expect(opened).to_contain_text("Your credentials may only read. Actions are not offered.")
    assert opened.get_by_role("button").all_inner_texts() == ["✕", "Columns ▾"]
    assert opened.get_by_role("textbox").count() == 0
    tab.goto(at(viewing, "/"))
    tab.get_by_role("button", name="List", exact=True).click()
    expect(tab.get_by_role("link", name=line.inlet, exact=True)).to_be_visible()
    assert tab.get_by_role("checkbox").count() == 0
    watch.expects("status of 403")
    body = {"line": f"{line.inlet}@1", "verb": "kill"}
    status, message = tab.evaluate(FROM_ITS_OWN_CONSOLE, ["/api/control", body])
    assert (status, message) == (403, "control needs the operator policy.")


def test_a_link_that_was_kept_opens_what_it_names(driver, context, address):
    line = Line(driver, "kept").filled()
    places = {
        f"/pond/{line.middle}@1": panel,
        f"/run/{line.middle}@1/1": lambda tab, pond: tab.get_by_role(
            "heading", name=f"Run {pond}@1 / 1"
        ),
        f"/data/{line.middle}@1/totals": lambda tab, _: tab.get_by_role(
            "region", name="The first rows of totals"
        ),
        f"/runs?pond={line.middle}": lambda tab, pond: tab.get_by_role(
            "link", name=f"{pond}@1 / 1"
        ),
    }
    for path, found in places.items():
        tab = context.new_page()
        tab.goto(at(address, path))
        expect(found(tab, line.middle)).to_be_visible()
        assert tab.url == address.partition("/#")[0] + path
        tab.reload()  # the tab still has the token
        expect(found(tab, line.middle)).to_be_visible()
    tab.goto(at(address, "/pond/nobody@1"))
    expect(tab.get_by_text("nobody@1 is not a line of this Catchment.")).to_be_visible()
    tab.goto(at(address, "/nowhere"))
    expect(tab.get_by_text("There is no such page.")).to_be_visible()


def test_after_a_new_start_an_open_tab_says_what_to_do(context, local_catchment, watch):
    watch.expects("ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|status of 401")
    watch.expects("status of 500 .*wait=")  # a server that ends while it is asked
    tab = context.new_page()
    with served(local_catchment.name) as old:
        tab.goto(at(old, "/runs"))
        expect(tab.get_by_role("heading", name="Runs")).to_be_visible()
        expect(tab.get_by_role("banner")).to_contain_text("live")
    expect(tab.get_by_role("banner")).to_contain_text("no connection")
    port = old.partition("/#")[0].rpartition(":")[2]
    with served(local_catchment.name, "--port", port) as new:
        expect(tab.get_by_role("main")).to_contain_text(
            "This page was opened from an earlier start. Run duckstring ui and open the address"
        )
        tab.goto(at(old, "/runs"))  # a bookmark of the old address
        expect(tab.get_by_role("main")).to_contain_text("Run duckstring ui and open the address")
        tab.goto(at(new, "/runs"))
        expect(tab.get_by_role("heading", name="Runs")).to_be_visible()
        expect(tab.get_by_role("banner")).to_contain_text("live")


def test_a_stranger_without_the_token_sees_nothing(browser, watch, address):
    watch.expects("status of 401")
    with browsing(browser, watch) as other:
        tab = other.new_page()
        tab.goto(address.partition("#")[0])
        expect(tab.get_by_role("main")).to_contain_text("Run duckstring ui and open the address")
        tab = other.new_page()
        tab.goto(address[:-1] + ("a" if address[-1] != "a" else "b"))
        expect(tab.get_by_role("main")).to_contain_text("Run duckstring ui and open the address")


def tab_to(tab: Page, wanted: Locator, most: int = 80) -> None:
    expect(wanted).to_be_enabled()
    for _ in range(most):
        tab.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    pytest.fail("the key Tab does not get there")


def test_a_pond_is_opened_triggered_and_closed_by_keys_alone(driver, tab, address):
    line = Line(driver, "keyed").deploy().let_all()
    tab.goto(address)
    expect(tab.get_by_role("main")).to_be_visible()
    expect(tab.get_by_role("banner")).to_contain_text("live")
    tab.keyboard.press("/")
    expect(tab.get_by_role("banner").get_by_role("combobox")).to_be_focused()
    tab.keyboard.type(line.outlet)
    expect(tab.get_by_role("banner").get_by_role("option", selected=True)).to_contain_text(
        line.outlet
    )
    tab.keyboard.press("Enter")
    opened = panel(tab, line.outlet)
    expect(opened.get_by_role("heading", level=1)).to_be_focused()
    tab_to(tab, opened.get_by_role("button", name="Pulse", exact=True))
    tab.keyboard.press("Enter")
    expect(opened).to_contain_text("Published1 table, 1 rows")
    tab.keyboard.press("Escape")
    expect(opened).to_be_hidden()
    assert tab.url.endswith("/")
    tab.keyboard.press("Escape")

    tab_to(tab, tab.get_by_role("button", name="List", exact=True))
    tab.keyboard.press("Space")
    found = tab.get_by_role("list", name="Ponds").get_by_role("link", name=line.inlet)
    tab_to(tab, found, most=400)
    tab.keyboard.press("Enter")
    expect(panel(tab, line.inlet).get_by_role("heading", level=1)).to_be_focused()
