"""Draws docs/pictures/page/: `python docs/page_pictures.py CATCHMENT`, a Catchment on this machine
where the flights demo is deployed, and nothing else.

Each view of the web page, light and dark, 1280 and 1920 pixels wide and on a phone. The demo runs,
then its Pond weather is broken, and in the end mended again. Chromium has to be on the machine.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import Browser, Page, sync_playwright

from duckstring_cli import demos
from duckstring_cli import main as main_command

if TYPE_CHECKING:
    from playwright.sync_api import ViewportSize

FOLDER = Path(__file__).parent / "pictures" / "page"
_WIDTHS: dict[str, ViewportSize] = {
    "1280": {"width": 1280, "height": 800},
    "1920": {"width": 1920, "height": 1080},
    "phone": {"width": 390, "height": 844},
}
_BROKEN = """raise ValueError("column 'visib' has 12 values that are no numbers")"""
_SQL = """SELECT month, sum(flights) AS flights, max(average_arrival_delay) AS worst
FROM reports.carriers_by_month GROUP BY month ORDER BY worst DESC"""

Act = Callable[[Page], None]


def command(*words: str) -> str:
    """What the command prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        main_command.run(words)
    return out.getvalue()


class Camera:
    """Takes pictures of places in the page."""

    def __init__(self, browser: Browser, address: str) -> None:
        self._browser = browser
        self._where, _, self._token = address.partition("/#")

    def take(self, name: str, path: str, ready: str, act: Act = lambda _: None) -> None:
        """Six pictures of a view: once the text ``ready`` is there, and ``act`` was done."""
        for width, viewport in _WIDTHS.items():
            for theme in ("light", "dark"):
                context = self._browser.new_context(
                    viewport=viewport,
                    color_scheme="dark" if theme == "dark" else "light",
                    reduced_motion="reduce",
                    timezone_id="Europe/Berlin",
                    locale="en-GB",
                )
                page = context.new_page()
                page.goto(f"{self._where}{path}#{self._token}")
                page.get_by_text(ready).first.wait_for()
                act(page)
                page.wait_for_timeout(700)  # the canvas moves to where it belongs
                self._write(page, f"{name}-{width}-{theme}.webp")
                context.close()

    def _write(self, page: Page, name: str) -> None:
        asked = {"format": "webp", "quality": 72, "optimizeForSpeed": False}
        told = page.context.new_cdp_session(page).send("Page.captureScreenshot", asked)
        (FOLDER / name).write_bytes(base64.b64decode(told["data"]))


def asks(page: Page) -> None:
    """SQL, and its answer."""
    page.get_by_role("textbox", name="SQL over").fill(_SQL)
    page.get_by_role("button", name="Run Ctrl Enter").click()
    page.get_by_text(" rows, in ").first.wait_for()


def goes_all_the_way(page: Page) -> None:
    """Lineage up to the Inlets."""
    page.get_by_role("combobox", name="Shown").select_option("up")
    page.get_by_text("flights@1.flights").first.wait_for()


def goes_to_the_cause(page: Page) -> None:
    """The path from an Outlet to its root cause, lit."""
    page.get_by_role("button", name="Go to the root cause", exact=True).click()
    page.get_by_text("Path to the root cause").or_(
        page.get_by_text("See the error of")
    ).first.wait_for()


def waits_for_links(page: Page) -> None:
    """Names are links once the status has come."""
    page.get_by_role("region", name="Causes").get_by_role("link", name="weather@1").first.wait_for()
    page.get_by_text("live", exact=True).wait_for()


def steps_to_the_failure(page: Page) -> None:
    """The step of a replay in which the Pond failed."""
    page.get_by_role("searchbox", name="Find").fill("status running failed")
    page.get_by_text("running → failed").first.wait_for()


def deploy_weather(folder: Path, catchment: str, version: str, *, broken: bool) -> None:
    """The demo's Pond weather, whose Ripple raises if it is ``broken``."""
    pond = folder / "weather"
    shutil.rmtree(pond, ignore_errors=True)
    demos.write_demo("flights", folder / version)
    shutil.copytree(folder / version / "weather", pond)
    manifest = pond / "pond.toml"
    manifest.write_text(manifest.read_text().replace("1.0.0", version), encoding="utf-8")
    if broken:
        (code,) = (pond / "src").glob("*.py")
        head, mark, tail = code.read_text().partition("def weather(pond: Pond) -> None:\n")
        code.write_text(f"{head}{mark}    {_BROKEN}\n{tail}", encoding="utf-8")
    command("deploy", str(pond), "-c", catchment, "--yes")


def wait_for(catchment: str, line: str, status: str) -> None:
    """Until a line is in that state."""
    while status not in command("status", line, "--once", "-c", catchment).partition("\n")[0]:
        time.sleep(0.5)


def take_what_is_well(camera: Camera) -> None:
    """All views of which nothing has to be broken first."""
    camera.take("pipeline", "/", "reports")
    camera.take("run", "/run/delays@1/1", "delays")
    camera.take("table", "/data/reports@1/worst_routes", "rows, in ")
    camera.take("snapshots", "/data/delays@1", "Kept for")
    camera.take("lineage", "/data/reports@1/worst_routes?show=lineage", "Step 1", goes_all_the_way)
    camera.take("sql", "/data", "SQL", asks)
    camera.take("catchment", "/catchment", "Nothing is wrong")


def take_what_is_wrong(camera: Camera, catchment: str) -> None:
    """The views for people on call."""
    runs = json.loads(command("runs", "weather", "-n", "1", "--json", "-c", catchment))
    camera.take("runs", "/runs", "What happened")
    camera.take("panel", "/pond/reports@1", "Go to the root cause")
    camera.take("cause", "/pond/reports@1", "Go to the root cause", goes_to_the_cause)
    camera.take("why", "/pond/reports@1/why", "root cause", waits_for_links)
    camera.take("replay", "/pond/weather@1/replay", "It was told", steps_to_the_failure)
    camera.take("changes", "/catchment/changes", "What followed")
    camera.take("error", f"/run/{runs[0]['run']}", "Traceback")


def main() -> None:
    catchment = sys.argv[1]
    FOLDER.mkdir(parents=True, exist_ok=True)
    command("trigger", "window", "flights", "remove", "nightly", "-c", catchment)
    command("trigger", "pulse", "reports", "--watch", "-c", catchment)
    command("trigger", "tide", "reports", "2h", "-c", catchment)
    opens = ["--name", "nightly", "--every", "1d", "--start", "02:00", "--duration", "3h"]
    command("trigger", "window", "flights", "add", *opens, "-c", catchment)
    address = json.loads(command("ui", "--background", "--json", "-c", catchment))["address"]
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as held:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        camera = Camera(browser, address)
        take_what_is_well(camera)

        deploy_weather(Path(held), catchment, "1.1.0", broken=True)
        command("control", "wake", "weather", "--note", "the new parser", "-c", catchment)
        wait_for(catchment, "weather", "failed")
        command("trigger", "pulse", "reports", "-c", catchment)
        wait_for(catchment, "reports", "blocked")
        take_what_is_wrong(camera, catchment)
        deploy_weather(Path(held), catchment, "1.1.1", broken=False)
        command("control", "clear", "weather", "-c", catchment)
        browser.close()


if __name__ == "__main__":
    main()
