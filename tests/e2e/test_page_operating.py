"""The page as operators use it: maintenance, limits, bounds, tags, alerts and backlogs, in a real
browser over a real Catchment.
"""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from playwright.sync_api import Locator, Page, expect

from duckstring_cli.client import Client
from tests.e2e.browsing import at, browsing
from tests.e2e.conftest import LANDING
from tests.e2e.drive import Driver
from tests.e2e.serving import served
from tests.e2e.test_alerts import endpoint
from tests.e2e.test_page_for_everybody import AXE, RUNS_AXE, spilt
from tests.e2e.test_page_in_browser import panel

__all__ = ["endpoint"]

USES = """
@ripple(uses="operated_shop")
def load(pond):
    hold(pond)
    pond.write_table("made", "SELECT 1 AS one")
"""
TAKES = """
@ripple
def take(pond):
    pond.arrivals()
    pond.write_table("taken", "SELECT 1 AS one")
"""
SINK = """
@ripple
def read(pond):
    pond.write_table("seen", "SELECT count(*) AS n FROM operated_a.made")
"""
PONDS = ("operated_a", "operated_b", "operated_takes", "operated_sink")
OFFERED = "maintenance|limit|alert|bound|priority|tags|note|remove"
HOSTILE = "<img src=x onerror=alert(1)> \u202enew"


@pytest.fixture(scope="module")
def driver(local_catchment, tmp_path_factory, ledger) -> Driver:
    """With two Inlets at one limit, one that takes objects, and a Sink."""
    made = Driver(Client(local_catchment), tmp_path_factory.mktemp("operated"), ledger)
    made.deploy(
        made.pond("operated_a", USES),
        made.pond("operated_b", USES),
        made.pond("operated_takes", TAKES),
        made.pond("operated_sink", SINK, sources=["operated_a"]),
    )
    s3 = made.aws("s3")
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=LANDING)
    s3.put_bucket_notification_configuration(
        Bucket=LANDING, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    rule = ("--name", "landing", "--bucket", LANDING, "--prefix", "operated/")
    made.run.done("trigger", "arrival", "operated_takes", "add", *rule)
    return made


@pytest.fixture(autouse=True)
def as_before(driver):
    """Nothing is left for other tests of the same Catchment."""
    yield
    for pond in PONDS:
        driver.let(pond)
    if driver.client.maintenance("status")["on"]:
        driver.run.done("maintenance", "off")
    driver.wait_at_rest(*PONDS)
    for pond in PONDS:
        if driver.line(pond)["tags"]:
            driver.run.done("tag", pond, "team=")
        (driver.ledger / f"{pond}.go").unlink(missing_ok=True)


def dialog(tab: Page) -> Locator:
    return tab.get_by_role("dialog")


def asked(tab: Page, opener: Locator, action: str, *, note: str = "", **fields: str) -> Locator:
    """Open a dialog, fill in its fields by their names, and carry it out."""
    opener.click()
    for name, value in fields.items():
        dialog(tab).get_by_role("textbox", name=name).fill(value)
    if note:
        dialog(tab).get_by_label("Note").fill(note)
    dialog(tab).get_by_role("button", name=action, exact=True).click()
    return dialog(tab)


def last_change(driver, operation):
    """The newest change of that kind, as the audit has it."""
    rows = driver.client.audit(limit=20)["entries"]
    return next(row for row in rows if row["what"].startswith(operation))


def put_object(driver):
    """One that waits, because no run starts."""
    driver.aws("s3").put_object(Bucket=LANDING, Key="operated/1.csv", Body=b"n\n1\n")
    driver.wait_until("operated_takes", lambda line: line.get("backlog"), what="the backlog")


def test_maintenance_is_switched_with_a_note_and_all_views_say_what_it_waits_for(
    driver, tab, address
):
    driver.pulse("operated_a")
    run = driver.wait_for("operated_a", "running")["runs"][0]["run"]
    tab.goto(at(address, "/catchment"))
    switch = tab.get_by_role("switch", name="Maintenance")
    expect(switch).to_have_attribute("aria-checked", "false")
    switch.press("Space")
    expect(dialog(tab)).to_contain_text("No run starts in any Pond")
    dialog(tab).get_by_label("Note").fill(HOSTILE)
    dialog(tab).get_by_role("button", name="Hold new runs").click()
    expect(switch).to_have_attribute("aria-checked", "true")
    expect(switch).to_be_focused()

    banner = tab.get_by_role("region", name="Maintenance is on")
    expect(banner).to_contain_text("<img src=x onerror=alert(1)>")
    expect(banner.get_by_role("link", name=run)).to_be_visible()
    for view in ("Pipeline", "Runs", "Data"):
        tab.get_by_role("navigation", name="Views").get_by_role("link", name=view).click()
        expect(banner).to_contain_text("No run starts")
    row = last_change(driver, "maintenance")
    assert (row["what"], row["via"]) == ("maintenance on", "page")
    assert row["note"].startswith("<img src=x")
    driver.let("operated_a")
    expect(banner).to_contain_text("Nothing runs any more")
    asked(
        tab,
        banner.get_by_role("button", name="End maintenance …"),
        "End maintenance",
        note="it is there",
    )
    expect(banner).to_be_hidden()
    expect(tab.get_by_role("main")).to_be_focused()
    assert last_change(driver, "maintenance")["note"] == "it is there"


def test_what_waits_in_a_backlog_is_told_and_runs_after_maintenance(driver, tab, address):
    driver.run.done("maintenance", "on")
    put_object(driver)
    tab.goto(at(address, "/pond/operated_takes@1"))
    opened = panel(tab, "operated_takes")
    expect(opened).to_contain_text("1 object waits for its Ripples, the oldest for")
    rules = opened.get_by_role("list", name="Arrival rules")
    expect(rules).to_contain_text(f"s3://{LANDING}/operated/")
    waiting = opened.get_by_role("list", name="Objects that wait, the oldest first")
    expect(waiting.get_by_role("listitem")).to_have_count(1)
    expect(waiting).to_contain_text(f"s3://{LANDING}/operated/1.csv")
    end = tab.get_by_role("button", name="End maintenance …")
    asked(tab, end, "End maintenance")
    expect(tab.get_by_role("region", name="Maintenance is on")).to_be_hidden()
    expect(opened).to_contain_text("No object waits for its Ripples")


def test_who_may_only_look_sees_all_of_it_and_is_offered_no_action(driver, tab):
    driver.run.done("maintenance", "on", "--note", "new warehouse")
    with served(driver.client.catchment.name, "--read-only") as only_look:
        tab.goto(at(only_look, "/catchment"))
        expect(tab.get_by_role("region", name="Maintenance is on")).to_contain_text("new warehouse")
        expect(tab.get_by_role("region", name="Limits")).to_contain_text("operated_shop")
        expect(tab.get_by_role("region", name="Alerts")).to_contain_text("told of")
        offered = tab.get_by_role("button", name=re.compile(OFFERED, re.IGNORECASE))
        expect(tab.get_by_role("switch")).to_have_count(0)
        expect(offered).to_have_count(0)
        tab.goto(at(only_look, "/pond/operated_a@1"))
        opened = panel(tab, "operated_a")
        expect(opened).to_contain_text("Priority 50")
        # Not on the canvas: Ponds of other tests may be called after limits.
        offered = opened.get_by_role("button", name=re.compile(OFFERED, re.IGNORECASE))
        expect(offered).to_have_count(0)
        tab.close()  # before its server ends


def test_a_limit_says_who_has_its_tokens_and_who_waits(driver, tab, address):
    tab.goto(at(address, "/catchment"))
    limits = tab.get_by_role("region", name="Limits")
    expect(limits).to_contain_text("no number is set")
    asked(tab, limits.get_by_role("button", name="Set limit operated_shop …"), "Set", Tokens="1")
    expect(limits).to_contain_text("0 of 1 token taken")

    tab.goto(at(address, "/pond/operated_b@1"))
    opened = panel(tab, "operated_b")
    asked(tab, opened.get_by_role("button", name="Set its priority …"), "Save", Priority="80")
    expect(opened).to_contain_text("Priority 80 (usually 50)")
    driver.pulse("operated_a")
    driver.wait_for("operated_a", "running")
    opened.get_by_role("button", name="With a note …").click()
    expect(opened.get_by_label("Note")).to_be_focused()
    opened.get_by_label("Note").fill("for the board")
    opened.get_by_role("button", name="Pulse", exact=True).click()
    expect(opened).to_contain_text("1 of 1 token taken, 1 waits; is next")
    expect(opened.get_by_label("Note")).to_be_hidden()
    assert last_change(driver, "trigger")["note"] == "for the board"

    tab.goto(at(address, "/catchment"))
    rows = limits.get_by_role("list", name="Tokens of operated_shop").get_by_role("listitem")
    expect(rows.nth(0)).to_contain_text("has a token, priority 50")
    expect(rows.nth(1)).to_contain_text("waits, next, priority 80")
    expect(rows.nth(1).get_by_role("link")).to_have_attribute("href", "/run/operated_b@1/1")
    remove = limits.get_by_role("button", name="Remove limit operated_shop …")
    expect(asked(tab, remove, "Remove")).to_be_hidden()
    expect(limits).to_contain_text("no number is set; 2 run now")


def test_a_bound_is_set_and_given_back_to_the_tide(driver, tab, address, watch):
    driver.let("operated_a")
    driver.wait_fresh("operated_sink", driver.pulse("operated_sink"))
    tab.goto(at(address, "/pond/operated_sink@1"))
    opened = panel(tab, "operated_sink")
    expect(opened).to_contain_text("None, and no Tide")
    setting = opened.get_by_role("button", name="Set its bound …")
    asked(tab, setting, "Save", Age="2h")
    expect(opened).to_contain_text("2h (declared), will pass it at")

    setting.click()
    dialog(tab).get_by_role("combobox", name="Bound").select_option("at")
    dialog(tab).get_by_role("textbox", name="By").fill("06:00")
    dialog(tab).get_by_role("textbox", name="Time zone").fill("Europe/Berln")
    watch.expects(r"status of 4\d\d")
    dialog(tab).get_by_role("button", name="Save").click()
    expect(dialog(tab).get_by_role("alert")).to_contain_text("Europe/Berlin")
    dialog(tab).get_by_role("textbox", name="Time zone").fill("Europe/Berlin")
    dialog(tab).get_by_role("button", name="Save").click()
    expect(opened).to_contain_text("fresh by 06:00 Europe/Berlin (declared)")
    assert driver.line("operated_sink")["bound"]["at"] == "06:00"

    setting.click()
    dialog(tab).get_by_role("combobox", name="Bound").select_option("tide")
    dialog(tab).get_by_role("button", name="Save").click()
    expect(opened).to_contain_text("None, and no Tide")


def test_a_bound_is_drawn_and_said_where_ages_are(driver, tab, address):
    driver.let("operated_a")
    driver.wait_fresh("operated_sink", driver.pulse("operated_sink"))
    driver.run.done("alert", "stale", "operated_a", "3h")
    driver.run.done("alert", "stale", "operated_sink", "--by", "06:00", "--tz", "Europe/Berlin")
    tab.goto(at(address, "/catchment"))
    now = tab.get_by_role("region", name="Freshness now").get_by_role("listitem")
    expect(now.filter(has_text="operated_sink@1")).to_contain_text("fresh by 06:00 Europe/Berlin")
    expect(now.filter(has_text="operated_a@1")).to_contain_text("will pass its bound (3h) at")
    charts = tab.get_by_role("region", name="Freshness of Outlets").get_by_role("listitem")
    by_clock = charts.filter(has_text="operated_sink@1")
    expect(by_clock).to_contain_text(re.compile(r"Within its bound \(fresh by .* for \d+ %"))
    expect(by_clock.locator("svg text", has_text="06:00")).to_be_attached()
    # It is no Outlet, and has a bound.
    by_age = charts.filter(has_text="operated_a@1")
    expect(by_age).to_contain_text("Within its bound of 3h for 100 %")
    expect(by_age.locator("svg text", has_text="bound 3h")).to_be_attached()
    for pond in ("operated_a", "operated_sink"):
        driver.run.done("alert", "stale", pond, "tide")


def test_tags_are_edited_and_lead_to_all_their_ponds(driver, tab, address):
    for pond in ("operated_a", "operated_b"):
        tab.goto(at(address, f"/pond/{pond}@1"))
        panel(tab, pond).get_by_role("button", name="Edit its tags …").click()
        tags = dialog(tab).get_by_role("textbox", name="Tags")
        tags.fill("Team=shop")
        expect(dialog(tab).get_by_role("status")).to_contain_text("Team=shop is not a tag")
        expect(dialog(tab).get_by_role("button", name="Save")).to_be_disabled()
        tags.fill("team=shop")
        tags.press("Enter")
        expect(
            panel(tab, pond).get_by_role("link", name="All Ponds with team=shop")
        ).to_be_visible()
    tab.get_by_role("link", name="All Ponds with team=shop").click()
    expect(tab).to_have_url(re.compile(r"/\?tag=team%3Dshop$"))
    tab.get_by_role("button", name="List", exact=True).click()
    items = tab.get_by_role("list", name="Ponds").get_by_role("listitem")
    expect(items).to_have_count(2)
    expect(items.first).to_contain_text("team=shop")
    assert driver.line("operated_b")["tags"] == {"team": "shop"}


def test_ponds_of_a_tag_are_kept_in_the_address_and_acted_on_together(driver, tab, address):
    for pond in ("operated_a", "operated_b"):
        driver.run.done("tag", pond, "team=shop")
    tab.goto(at(address, "/"))
    tab.get_by_role("combobox", name="Only Ponds with the tag").select_option("team=shop")
    expect(tab).to_have_url(re.compile(r"/\?tag=team%3Dshop$"))
    tab.get_by_role("button", name="List", exact=True).click()
    tab.get_by_role("list", name="Ponds").get_by_role("link", name="operated_a").click()
    expect(tab).to_have_url(re.compile(r"/pond/operated_a@1\?tag=team%3Dshop$"))
    tab.reload()
    clear = tab.get_by_role("button", name="No longer only team=shop")
    expect(clear).to_be_visible()
    panel(tab, "operated_a").get_by_role("button", name="Close the panel").click()

    tab.get_by_role("button", name="Act on these 2 …").click()
    dialog(tab).get_by_role("combobox", name="Action").select_option("sleep")
    dialog(tab).get_by_label("Note").fill("sale is over")
    dialog(tab).get_by_role("button", name="Sleep 2").click()
    expect(tab.get_by_role("status").filter(has_text="done for 2 of 2 Ponds")).to_be_visible()
    entries = driver.client.audit(limit=8)["entries"]
    rows = [row for row in entries if row["what"] == "control sleep"]
    assert {row["ponds"][0] for row in rows} == {"operated_a", "operated_b"}
    assert {(row["note"], row["via"]) for row in rows} == {("sale is over", "page")}

    clear.click()
    expect(tab).to_have_url(re.compile(r"/$"))


def test_an_alert_is_added_tested_and_removed_and_its_url_is_not_shown(
    endpoint, tab, address, watch
):
    tab.goto(at(address, "/catchment"))
    alerts = tab.get_by_role("region", name="Alerts")
    expect(alerts).to_contain_text("Nobody is told of failures")
    alerts.get_by_role("button", name="Add an alert …").click()
    dialog(tab).get_by_role("combobox", name="Send to").select_option("webhook")
    url = dialog(tab).get_by_label("URL (not shown)")
    url.fill("http://example.com/secretpart")
    add = dialog(tab).get_by_role("button", name="Add", exact=True)
    watch.expects(r"status of 4\d\d")
    add.click()
    expect(dialog(tab).get_by_role("alert")).to_contain_text("found http://example.com; allowed")
    url.fill(f"{endpoint.address}/secretpart")
    dialog(tab).get_by_label("data past its bound").uncheck()
    dialog(tab).get_by_label("Only Ponds").fill("operated_a, operated_sink")
    add.click()
    expect(alerts).to_contain_text("told of failed, recovered of operated_a, operated_sink")
    expect(alerts).to_contain_text("webhook 127.0.0.1")
    expect(dialog(tab)).to_be_hidden()
    assert "secretpart" not in tab.content()

    alerts.get_by_role("button", name="Test alert webhook").click()
    told = tab.get_by_role("status").filter(has_text="A test is on its way to webhook")
    expect(told).to_be_visible()
    assert [page["alert"] for page in endpoint.at("/secretpart")] == ["test"]
    remove = alerts.get_by_role("button", name="Remove alert webhook …")
    expect(asked(tab, remove, "Remove")).to_be_hidden()
    expect(alerts).to_contain_text("Nobody is told of failures")
    expect(alerts.get_by_role("heading")).to_be_focused()


def test_axe_finds_nothing_and_nothing_is_cut_in_what_operators_see(
    driver, browser, watch, address
):
    driver.run.done("tag", "operated_a", "team=shop")
    driver.run.done("maintenance", "on", "--note", "a new warehouse, with a note that is long")
    script = AXE.read_text()
    found: dict[str, list[str]] = {}

    def look(tab: Page, what: str) -> None:
        faults = []
        tab.evaluate(script)
        for colours in ("light", "dark"):
            tab.emulate_media(color_scheme=colours)
            faults += [f"{colours}: {each}" for each in tab.evaluate(RUNS_AXE)]
        for width in (390, 640):
            tab.set_viewport_size({"width": width, "height": 700})
            faults += [f"{width}: {each}" for each in spilt(tab, width)]
        tab.set_viewport_size({"width": 1280, "height": 800})
        found[what] = faults

    dialogs = {
        "/catchment": ("Set a limit …", "Add an alert …", "End maintenance …"),
        "/pond/operated_a@1": ("Set its bound …", "Set its priority …", "Edit its tags …"),
    }
    with browsing(browser, watch, reduced_motion="reduce") as context:
        tab = context.new_page()
        for path, buttons in dialogs.items():
            tab.goto(at(address, path))
            expect(tab.get_by_role("region", name="Maintenance is on")).to_be_visible()
            expect(tab.locator(".loading")).to_have_count(0)
            look(tab, path)
            for name in buttons:
                tab.get_by_role("button", name=name, exact=True).first.click()
                expect(dialog(tab)).to_be_visible()
                look(tab, name)
                dialog(tab).get_by_role("button", name="Cancel").click()
        tab.goto(at(address, "/?tag=team%3Dshop"))
        tab.get_by_role("button", name="List", exact=True).click()
        look(tab, "the list by tag")
    assert {what: faults for what, faults in found.items() if faults} == {}
