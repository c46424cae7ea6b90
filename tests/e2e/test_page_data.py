"""Tables on the page: what is kept of them, what changed, where they come from, and SQL."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.browsing import at
from tests.e2e.serving import served

INLET = """
from duckstring import check

@ripple
def load(pond):
    made = (Path(os.environ["LEDGER"]) / f"{pond.name}.rows")
    rows = made.read_text() if made.exists() else "(1, 'one'), (2, 'two')"
    pond.merge_table("items", f"SELECT * FROM (VALUES {rows}) v(id, word)", key=["id"])

@check(severity="warn")
def long_words(pond):
    return "SELECT id, word FROM items WHERE length(word) > 4"
"""
OUTLET = """
@ripple
def count(pond):
    pond.write_table("counted", "SELECT count(*) AS n FROM {source}.items")
"""


PREFIXES = {
    "test_kept_snapshots_are_listed_and_looked_at": "listed",
    "test_an_earlier_snapshot_is_published_again_after_a_question": "again",
    "test_a_snapshot_that_is_no_longer_what_was_seen_is_not_published": "seen",
    "test_what_a_run_changed_is_compared_and_links_lead_to_where_it_came_from": "changed",
    "test_sql_reads_several_ponds_as_of_one_freshness_and_is_cancelled": "asked",
    "test_names_are_completed_and_mistakes_are_shown_by_keys_alone": "typed",
    "test_a_page_that_only_shows_offers_no_rollback": "shown",
}


class Store:
    """An Inlet that is merged into, and what reads it."""

    def __init__(self, driver, prefix):
        self.driver = driver
        self.inlet, self.outlet = f"{prefix}_items", f"{prefix}_counts"
        driver.deploy(
            driver.pond(self.inlet, INLET),
            driver.pond(self.outlet, OUTLET.format(source=self.inlet), sources=[self.inlet]),
        )

    def run(self, rows=None):
        if rows:
            (self.driver.ledger / f"{self.inlet}.rows").write_text(rows)
        self.driver.wait_fresh(self.outlet, self.driver.pulse(self.outlet))
        return self


@pytest.fixture
def store(driver, request):
    """Three snapshots of the Inlet."""
    made = Store(driver, PREFIXES[request.node.name])
    return made.run().run("(2, 'TWO'), (3, 'three')").run("(4, 'four')")


def rows_of(tab, name):
    return tab.get_by_role("region", name=name).get_by_role("row")


def test_kept_snapshots_are_listed_and_looked_at(store, tab, address):
    line = f"{store.inlet}@1"
    tab.goto(at(address, f"/data/{line}"))
    tables = rows_of(tab, f"The tables of {line}")
    expect(tables.nth(1)).to_contain_text(re.compile("items4"))
    kept = rows_of(tab, "Snapshots, newest first")
    expect(kept).to_have_count(4)
    expect(kept.nth(1)).to_contain_text("published")
    checks = tab.get_by_role("region", name="Checks")
    expect(checks).to_contain_text("warned long_words, 1 row that must not exist")
    checks.get_by_text("long_words").click()
    expect(checks.get_by_role("cell")).to_have_text(["3", "three"])

    kept.nth(3).get_by_role("link", name=f"Look at {line}/1").click()
    expect(tab.get_by_role("main")).to_contain_text(f"As {line}/1 published it")
    tables.get_by_role("link", name="items", exact=True).click()
    first = tab.get_by_role("region", name="The first rows of items")
    expect(first.get_by_role("cell")).to_have_text(["1", "one", "2", "two"])
    tab.get_by_role("link", name="Back to what is published").click()
    expect(first.get_by_role("row")).to_have_count(5)


def test_an_earlier_snapshot_is_published_again_after_a_question(store, tab, address):
    line = f"{store.inlet}@1"
    tab.goto(at(address, f"/data/{line}"))
    tables = rows_of(tab, f"The tables of {line}")
    kept = rows_of(tab, "Snapshots, newest first")
    tab.get_by_role("button", name=f"Publish {line}/1 again").click()
    asked = tab.get_by_role("dialog", name=f"Publish {line}/1 again?")
    expect(asked).to_contain_text("As it was thenitems")
    expect(asked).to_contain_text(f"{store.outlet}@1 reads it with its next run")
    asked.get_by_role("button", name="Cancel").click()
    assert store.driver.client.tables(store.inlet)["snapshot"] == 3
    tab.get_by_role("button", name=f"Publish {line}/1 again").click()
    asked.get_by_role("button", name="Publish again").click()
    expect(tab.get_by_role("status")).to_contain_text([f"{line} publishes {line}/1 again."])
    expect(kept).to_have_count(5)
    expect(kept.nth(1)).to_contain_text("published again")
    expect(tables.nth(1)).to_contain_text(re.compile("items2"))
    assert store.driver.client.tables(store.inlet)["tables"][0]["rows"] == 2


def test_a_snapshot_that_is_no_longer_what_was_seen_is_not_published(store, tab, address, watch):
    """Somebody else has run the Pond while the reader was thinking."""
    watch.expects("status of 4")
    line = f"{store.inlet}@1"
    tab.goto(at(address, f"/data/{line}"))
    tab.get_by_role("button", name=f"Publish {line}/1 again").click()
    asked = tab.get_by_role("dialog")
    expect(asked).to_contain_text("As it was thenitems")
    store.run("(9, 'nine')")
    asked.get_by_role("button", name="Publish again").click()
    told = tab.get_by_role("status").filter(has_text="by now, not")
    expect(told).to_contain_text(f"{line} publishes {line}/4 by now, not {line}/3.")
    assert store.driver.client.tables(store.inlet)["snapshot"] == 4


def test_what_a_run_changed_is_compared_and_links_lead_to_where_it_came_from(
    store, tab, address, watch
):
    watch.expects("status of 400")
    line = f"{store.inlet}@1"
    tab.goto(at(address, f"/data/{line}/items"))
    tab.get_by_role("link", name="Changes", exact=True).click()
    tab.get_by_role("combobox", name="From").select_option("1")
    tab.get_by_role("combobox", name="To").select_option("2")
    tab.get_by_role("button", name="Compare").click()
    told = tab.get_by_role("region", name="Table items")
    expect(told).to_contain_text("1 row added, 1 row changed, by id.")
    expect(told).to_contain_text("Changed: word in 1")
    different = tab.get_by_role("region", name="Rows that differ").get_by_role("row")
    expect(different).to_have_text(
        [re.compile("^What"), re.compile(r"\+ added3three"), re.compile(r"~ changed2two TWO")]
    )
    tab.get_by_role("textbox", name="Key").fill("nope")
    tab.get_by_role("button", name="Compare").click()
    expect(tab.get_by_role("alert")).to_contain_text("there is no column 'nope' in both versions")

    tab.get_by_role("link", name="Lineage", exact=True).click()
    below = tab.get_by_role("region", name="Goes into", exact=True)
    below.get_by_role("link", name=f"{store.outlet}@1.counted").click()
    above = tab.get_by_role("region", name="Comes from", exact=True)
    expect(above.get_by_role("row").nth(1)).to_have_text(f"Step 1: {line}.itemsload{line}/31.0.0")
    above.get_by_role("link", name=f"{line}/3").click()
    expect(tab.get_by_role("heading", name=f"Run {line} / 3")).to_be_visible()


def test_sql_reads_several_ponds_as_of_one_freshness_and_is_cancelled(store, tab, address):
    tab.goto(at(address, "/data"))
    box = tab.get_by_role("textbox", name="SQL over all Ponds")
    box.fill(f"SELECT n, word FROM {store.outlet}.counted, {store.inlet}.items ORDER BY id")
    box.press("Control+Enter")
    result = tab.get_by_role("region", name="The result")
    expect(result.get_by_role("row")).to_have_count(5)
    tab.get_by_role("combobox", name="Tables").select_option("consistent")
    box.press("Control+Enter")
    expect(tab.get_by_role("main")).to_contain_text("Read as of")
    tab.get_by_role("combobox", name="Tables").select_option("at")
    first = store.driver.client.kept(store.inlet, limit=9)["snapshots"][-1]["f"]
    tab.get_by_role("textbox", name="As of").fill(first)
    box.fill(f"FROM {store.inlet}.items ORDER BY id")
    box.press("Control+Enter")
    expect(result.get_by_role("cell")).to_have_text(["1", "one", "2", "two"])

    tab.get_by_role("combobox", name="Tables").select_option("now")
    box.fill("SELECT count(*) FROM range(10000000000) a, range(1000) b WHERE a.range = b.range + 7")
    box.press("Control+Enter")
    tab.get_by_role("button", name="Cancel", exact=True).click()
    expect(tab.get_by_role("button", name="Run Ctrl Enter")).to_be_enabled()
    box.fill(f"SELECT count(*) AS n FROM {store.inlet}.items")
    box.press("Control+Enter")
    expect(result.get_by_role("cell")).to_have_text(["4"])


def test_names_are_completed_and_mistakes_are_shown_by_keys_alone(store, tab, address, watch):
    watch.expects("status of 400")
    tab.goto(at(address, "/data"))
    box = tab.get_by_role("textbox", name="SQL over all Ponds")
    box.focus()
    tab.keyboard.type(f"FROM {store.inlet[:4]}")
    tab.keyboard.press("Control+Space")
    names = tab.get_by_role("listbox", name="Names").get_by_role("option")
    expect(names.first).to_have_attribute("aria-selected", "true")
    tab.keyboard.press("ArrowDown")
    expect(names.nth(1)).to_have_attribute("aria-selected", "true")
    tab.keyboard.press("Escape")
    expect(names).to_have_count(0)
    box.fill("")
    tab.keyboard.type(f"FROM {store.inlet}.")
    expect(names).to_have_text([f"{store.inlet}.items"])
    tab.keyboard.press("Tab")
    expect(box).to_have_value(f"FROM {store.inlet}.items")
    expect(box).to_be_focused()
    tab.keyboard.type("\nWHERE nope = 1")
    tab.keyboard.press("Control+Enter")
    error = tab.get_by_role("alert")
    expect(error).to_contain_text('Referenced column "nope" not found')
    expect(error).to_contain_text("LINE 2: WHERE nope = 1")
    tab.keyboard.press("Tab")  # out of the text, which is no trap
    expect(box).not_to_be_focused()


def test_a_page_that_only_shows_offers_no_rollback(store, tab, local_catchment):
    with served(local_catchment.name, "--read-only") as looking:
        tab.goto(at(looking, f"/data/{store.inlet}@1"))
        expect(rows_of(tab, "Snapshots, newest first")).to_have_count(4)
        expect(tab.get_by_role("link", name="Look at")).to_have_count(2)
        expect(tab.get_by_role("button", name="Publish")).to_have_count(0)
        tab.close()


def test_the_lake_s_address_is_shown_where_the_catchment_is(tab, address, driver):
    tab.goto(at(address, "/catchment"))
    lake = tab.get_by_role("region", name="Lake")
    expect(lake).to_contain_text(driver.client.lake()["newest"])
    expect(lake.get_by_role("button", name="Copy")).to_be_visible()
