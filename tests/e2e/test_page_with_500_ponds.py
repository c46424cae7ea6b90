"""The page with 500 made-up Ponds: what is wanted is found, and nothing jumps."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.browsing import at
from tests.e2e.previewing import previewed

PLACES = """
() => Object.fromEntries([...document.querySelectorAll(".react-flow__node")].map(
    (node) => [node.dataset.id, node.style.transform],
))
"""


@pytest.fixture(scope="module")
def crowd(browser):
    with previewed(500) as address:
        yield address


@pytest.fixture
def canvas(tab, crowd):
    tab.goto(crowd)
    expect(tab.get_by_role("main").get_by_role("link", name=re.compile("@1, "))).to_have_count(500)
    return tab


def names(tab):
    links = tab.get_by_role("main").get_by_role("link", name=re.compile("@1, ")).all()
    return {link.get_attribute("aria-label").partition(",")[0] for link in links}


def test_a_search_finds_a_pond_among_500(canvas):
    canvas.get_by_role("banner").get_by_role("combobox").fill("pond_321")
    expect(canvas.get_by_role("banner").get_by_role("option", selected=True)).to_contain_text(
        "pond_321"
    )
    canvas.keyboard.press("Enter")
    opened = canvas.get_by_role("complementary", name="Pond pond_321@1")
    expect(opened.get_by_role("heading", level=1)).to_be_focused()
    # The picture moves to it, and it can be read.
    expect(canvas.get_by_role("link", name=re.compile("pond_321@1, "))).to_be_in_viewport()
    canvas.get_by_role("banner").get_by_role("combobox").fill("pond_999")
    expect(canvas.locator("li[role=option]")).to_have_text("Nothing is called “pond_999”.")


def test_a_state_narrows_500_ponds(canvas):
    canvas.get_by_role("button", name="List", exact=True).click()
    rows = canvas.get_by_role("list", name="Ponds").get_by_role("listitem")
    expect(rows).to_have_count(500)
    chip = canvas.get_by_role("group", name="Show states").get_by_role("button", name="failed")
    chip.click()
    expect(chip).to_have_attribute("aria-pressed", "true")
    failed = int(chip.inner_text().split()[0])
    assert 0 < failed < 50
    expect(rows).to_have_count(failed)
    expect(rows.filter(has_text="Ripple step_0 failed")).to_have_count(failed)
    canvas.get_by_role("button", name="show all").click()
    expect(rows).to_have_count(500)


def lineage(tab, of):
    """By the panels' own lists of Sources and Sinks, as one would follow them by hand."""
    lines = {
        line["line"]: line
        for line in tab.evaluate(
            """async () => (await (await fetch("/api/status", {
                headers: {Authorization: "Bearer dev"},
            })).json()).answer.lines"""
        )
    }
    found = {of}
    for step in (
        lambda line: [each["line"] for each in line["sources"]],
        lambda line: line["sinks"],
    ):
        to_do = [of]
        while to_do:
            to_do += [each for each in step(lines[to_do.pop()]) if each not in found]
            found.update(to_do)
    return found


def test_a_lineage_in_focus_shows_only_it(canvas, crowd):
    wanted = lineage(canvas, "pond_100@1")
    assert 3 < len(wanted) < 40
    canvas.goto(at(crowd, "/pond/pond_100@1"))
    canvas.get_by_role("group", name="Only the lineage of pond_100@1").get_by_role(
        "button", name="lineage"
    ).click()
    shown = canvas.get_by_role("main").get_by_role("link", name=re.compile("@1, "))
    expect(shown).to_have_count(len(wanted))
    assert names(canvas) == wanted
    canvas.get_by_role("button", name="Lineage of pond_100@1").click()
    expect(shown).to_have_count(500)


def test_no_pond_moves_when_the_status_changes(canvas, crowd):
    before = canvas.evaluate(PLACES)
    assert len(set(before.values())) == 500
    idle = canvas.get_by_role("main").get_by_role("link", name=re.compile("@1, idle$")).first
    name = idle.get_attribute("aria-label").partition(",")[0]
    changed = canvas.get_by_role("link", name=f"{name}, running", exact=True)
    canvas.evaluate(
        """(pond) => fetch("/api/trigger", {
            method: "POST", body: JSON.stringify({pond, major: 1, kind: "pulse"}),
            headers: {Authorization: "Bearer dev"},
        })""",
        name.partition("@")[0],
    )
    expect(changed).to_be_visible()
    assert canvas.evaluate(PLACES) == before
    canvas.get_by_role("button", name="Zoom in").click()
    canvas.reload()
    expect(changed.or_(canvas.get_by_role("link", name=f"{name}, idle"))).to_be_visible()
    assert canvas.evaluate(PLACES) == before


def test_sql_over_500_ponds_is_typed_with_names_and_answered(canvas, crowd):
    canvas.goto(at(crowd, "/data"))
    catalog = canvas.get_by_role("navigation", name="Ponds and tables")
    expect(catalog.get_by_role("link", name=re.compile("pond_100"))).to_be_visible()
    box = canvas.get_by_role("textbox", name="SQL over all Ponds")
    box.press_sequentially("FROM pond_32")
    box.press("Control+Space")
    offered = canvas.get_by_role("listbox", name="Names").get_by_role("option")
    expect(offered).to_have_count(10)
    box.press_sequentially("1")
    expect(offered).to_have_text(["pond_321"])
    box.press("Enter")
    expect(box).to_have_value("FROM pond_321")
    box.press("Control+Enter")
    expect(canvas.get_by_role("region", name="The result").get_by_role("row")).to_have_count(201)


def test_the_lineage_of_a_table_goes_through_hundreds_of_tables(canvas, crowd):
    canvas.goto(at(crowd, "/data/pond_000@1/step_0?show=lineage"))
    canvas.get_by_role("combobox", name="Shown").select_option("down")
    tree = canvas.get_by_role("region", name="Goes into: tables")
    expect(tree.get_by_role("row")).not_to_have_count(0)
    first = tree.get_by_role("link", name=re.compile("^pond_")).first
    name = first.inner_text()
    first.click()
    line, _, table = name.partition(".")
    expect(canvas.get_by_role("heading", level=1, name=table)).to_be_visible()
    assert f"/data/{line}/{table}?show=lineage" in canvas.url
