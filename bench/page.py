"""The web page in a real browser, over a made-up Catchment of 20 and of 500 Ponds: how soon it
shows something, how smoothly the picture moves, and what it holds.

The browser has no graphics processor, and its own processor time counts.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from bench.table import Figure, machine, show
from tests.e2e import chromium
from tests.e2e.previewing import UI, previewed

_PONDS = (20, 500)
_LOADS = 5
_STEPS = 120
_SIZE: ViewportSize = {"width": 1280, "height": 800}
_WATCH = """
new MutationObserver((_, observer) => {
    if (!document.querySelector(".react-flow__node")) return;
    observer.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(() => { window.drawn = performance.now(); }));
}).observe(document, {childList: true, subtree: true});
"""
_FRAMES = """
() => {
    window.frames_ms = [];
    let last = performance.now();
    const tick = (now) => {
        window.frames_ms.push(now - last);
        last = now;
        window.ticking = requestAnimationFrame(tick);
    };
    window.ticking = requestAnimationFrame(tick);
}
"""
_STOP = "() => { cancelAnimationFrame(window.ticking); return window.frames_ms.slice(1); }"
_FCP = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


@contextmanager
def opened(browser: Browser, address: str) -> Iterator[Page]:
    """A tab without a past, once the first Pond is drawn."""
    # Playwright waits by evaluating texts, which the page's policy forbids.
    context = browser.new_context(viewport=_SIZE, bypass_csp=True)
    page = context.new_page()
    page.add_init_script(_WATCH)
    page.goto(address)
    page.wait_for_function(f"window.drawn && ({_FCP}) !== null")
    yield page
    context.close()


def pan(page: Page) -> None:
    """By the mouse, to and fro."""
    page.mouse.move(640, 500)
    page.mouse.down()
    for step in range(_STEPS):
        page.mouse.move(640 + 300 * ((step % 40) / 20 - 1), 500 + 2 * (step % 40))
    page.mouse.up()


def zoom(page: Page) -> None:
    """By the wheel: until all can be read, and back."""
    page.mouse.move(500, 450)
    for step in range(_STEPS):
        page.mouse.wheel(0, -120 if step % 40 < 20 else 120)


def frames(page: Page) -> list[float]:
    """Milliseconds from frame to frame while the picture moves."""
    page.evaluate(_FRAMES)
    pan(page)
    zoom(page)
    return list(page.evaluate(_STOP))


def heap(page: Page) -> float:
    """Of the page's scripts, in MB, after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(each["value"] for each in metrics if each["name"] == "JSHeapUsedSize") / 1e6


def of(browser: Browser, ponds: int) -> list[Figure]:
    """The figures for so many Ponds."""
    paints, draws, moved, heaps = [], [], [], []
    with previewed(ponds) as address:
        for load in range(_LOADS):
            with opened(browser, address) as page:
                paints.append(page.evaluate(_FCP) / 1000)
                draws.append(page.evaluate("window.drawn") / 1000)
                if load < 2:  # the first warms the browser
                    moved = frames(page)
                heaps.append(heap(page))
    return [
        Figure(f"{ponds} Ponds: first paint", median(paints), "s"),
        Figure("  first Pond drawn", median(draws), "s"),
        Figure("  a frame while it moves, median", median(moved), "ms"),
        Figure("  a frame while it moves, p95", quantiles(moved, n=20)[-1], "ms"),
        Figure("  heap of its scripts", median(heaps), "MB"),
    ]


def sizes(folder: Path = UI / "dist" / "assets") -> list[Figure]:
    """What a browser loads, compressed."""

    def packed(names: Sequence[Path]) -> float:
        return sum(len(gzip.compress(one.read_bytes(), 9)) for one in names) / 1000

    scripts = sorted(folder.glob("*.js"))
    layout = [one for one in scripts if re.search("elk", one.name)]
    first = [one for one in scripts if one.name.startswith("index-")]
    views = [one for one in scripts if one not in layout and one not in first]
    return [
        Figure("scripts before the first paint, gzip", packed(first), "kB"),
        Figure("  scripts of other views", packed(views), "kB"),
        Figure("  the layout's worker", packed(layout), "kB"),
        Figure("  styles", packed(sorted(folder.glob("*.css"))), "kB"),
    ]


def measure() -> list[Figure]:
    path = chromium.find()
    if path is None:
        print(f"{chromium.missing()}. The page is not measured.")
        return []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.flags())
        figures = [figure for ponds in _PONDS for figure in of(browser, ponds)]
        browser.close()
    return [*figures, *sizes()]


if __name__ == "__main__":
    show(measure())
    print(f"\n{machine()}")
