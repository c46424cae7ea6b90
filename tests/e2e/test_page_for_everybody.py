"""The page for readers with a screen reader, a large font, a phone or a dark room."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from duckstring_cli.client import Client
from tests.e2e.browsing import at, browsing
from tests.e2e.drive import Driver

AXE = Path(__file__).parents[2] / "ui" / "node_modules" / "axe-core" / "axe.min.js"
CODE = """
@ripple
def load(pond):
    print("loading")
    pond.write_table("made", "SELECT range AS n, 'a' || range AS name FROM range(30)")

@ripple(parents=[load])
def check(pond):
    if (Path(os.environ["LEDGER"]) / "wide_inlet_with_a_name_that_is_long.broken").exists():
        raise ValueError("no rows of " + "platform_" * 30)
"""
INLET, OUTLET = "wide_inlet_with_a_name_that_is_long", "wide_reports"
SINK = f"""
@ripple
def count(pond):
    pond.write_table("counted", "SELECT count(*) AS n FROM {INLET}.made")
"""
VIEWS = {
    "the canvas": ("/", "Canvas"),
    "the list": ("/", "List"),
    "a Pond that failed": (f"/pond/{INLET}@1", ""),
    "a Pond that is blocked": (f"/pond/{OUTLET}@1", ""),
    "runs": ("/runs", ""),
    "a run that failed": (f"/run/{INLET}@1/2", ""),
    "the catalog": ("/data", ""),
    "a Pond's tables and snapshots": (f"/data/{INLET}@1", ""),
    "an earlier snapshot": (f"/data/{INLET}@1?snapshot=1", ""),
    "a table": (f"/data/{INLET}@1/made", ""),
    "what changed in it": (f"/data/{INLET}@1/made?show=changes", ""),
    "its lineage": (f"/data/{INLET}@1/made?show=lineage", ""),
    "the Catchment": ("/catchment", ""),
    "why a Pond is blocked": (f"/pond/{OUTLET}@1/why", ""),
    "a replay": (f"/pond/{INLET}@1/replay", ""),
    "who changed what": ("/catchment/changes?since=24h", ""),
    "no view": ("/nowhere", ""),
}
RUNS_AXE = """
async () => {
    const found = await axe.run(document, {resultTypes: ["violations"]});
    return found.violations.flatMap(({id, nodes}) => nodes.map(
        (node) => `${id}: ${node.html.slice(0, 160)} ${node.any.map((one) => one.message)}`,
    ));
}
"""
CUT = """
() => {
    const cuts = (element) => {
        const style = getComputedStyle(element);
        const wide = element.scrollWidth > element.clientWidth + 1;
        const high = element.scrollHeight > element.clientHeight + 1;
        return (wide && ["hidden", "clip"].includes(style.overflowX))
            || (high && ["hidden", "clip"].includes(style.overflowY));
    };
    const own = (element) =>
        [...element.childNodes].some((each) => each.nodeType === 3 && each.textContent.trim());
    return [...document.querySelectorAll("#root *")]
        .filter((element) => own(element) && element.clientWidth > 1 && cuts(element))
        .filter((element) => !element.closest("[title], .unseen"))
        .map((element) => element.outerHTML.slice(0, 200));
}
"""


@pytest.fixture(scope="module")
def seen(browser, local_catchment, tmp_path_factory, ledger):
    """A Pond that published, then failed, and one below it that is blocked."""
    driver = Driver(Client(local_catchment), tmp_path_factory.mktemp("wide"), ledger)
    driver.deploy(driver.pond(INLET, CODE), driver.pond(OUTLET, SINK, sources=[INLET]))
    driver.wait_fresh(OUTLET, driver.pulse(OUTLET))
    (ledger / f"{INLET}.broken").touch()
    driver.pulse(OUTLET)
    driver.wait_for(OUTLET, "blocked")
    rule = ("--name", "nightly", "--every", "1d", "--start", "02:00", "--duration", "3h")
    driver.run.done("trigger", "window", INLET, "add", *rule)
    driver.trigger("tide", OUTLET, "6h")
    return driver


def opened(context, address, view):
    path, shown_as = VIEWS[view]
    tab = context.new_page()
    tab.goto(at(address, path))
    expect(tab.get_by_role("banner")).to_contain_text("live")
    if shown_as:
        tab.get_by_role("button", name=shown_as, exact=True).click()
        expect(tab.get_by_role("main").get_by_role("link").first).to_be_visible()
    expect(tab.get_by_role("main").locator(":visible").first).to_be_visible()
    expect(tab.locator(".loading")).to_have_count(0)
    return tab


def looked_at(context, address, look):
    """What ``look`` finds in each view and dialog."""
    found = {}
    for view in VIEWS:
        tab = opened(context, address, view)
        found[view] = look(tab)
        tab.close()
    tab = opened(context, address, "a Pond that failed")
    for button in ("Kill", "Tide …", "Add a Window …"):
        tab.get_by_role("button", name=button, exact=True).click()
        expect(tab.get_by_role("dialog")).to_be_visible()
        found[button] = look(tab)
        tab.get_by_role("button", name="Cancel", exact=True).click()
    tab.close()
    return {view: faults for view, faults in found.items() if faults}


def test_axe_finds_nothing_in_any_view_light_or_dark(seen, browser, watch, address):
    script = AXE.read_text()

    def look(tab):
        tab.evaluate(script)
        faults = []
        for colours in ("light", "dark"):
            tab.emulate_media(color_scheme=colours)
            faults += [f"{colours}: {each}" for each in tab.evaluate(RUNS_AXE)]
        return faults

    with browsing(browser, watch, reduced_motion="reduce") as context:
        assert looked_at(context, address, look) == {}


def spilt(tab, width):
    """What is wider than the screen, or cut."""
    too_wide = tab.evaluate("document.scrollingElement.scrollWidth - innerWidth")
    boxes = [dialog.bounding_box() for dialog in tab.get_by_role("dialog").all()]
    outside = [box for box in boxes if box["x"] < 0 or box["x"] + box["width"] > width]
    return [*([f"{too_wide} px too wide"] if too_wide > 0 else []), *outside, *tab.evaluate(CUT)]


def test_nothing_scrolls_sideways_or_is_cut_on_a_small_screen(seen, browser, watch, address):
    """640 px are also what is left of 1280 px at a zoom of 200 %."""

    def look(tab):
        faults = []
        for width in (390, 640):
            tab.set_viewport_size({"width": width, "height": 700})
            faults += [f"{width}: {each}" for each in spilt(tab, width)]
        return faults

    with browsing(browser, watch, viewport={"width": 640, "height": 700}) as context:
        assert looked_at(context, address, look) == {}


def test_a_reader_s_choice_of_colours_is_kept(context, address):
    tab = opened(context, address, "runs")
    theme = tab.get_by_role("button", name="Colours:")
    before = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    while "dark" not in (theme.get_attribute("aria-label") or ""):
        theme.click()
    dark = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != before
    tab.reload()
    expect(theme).to_have_accessible_name("Colours: dark. Change.")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == dark
