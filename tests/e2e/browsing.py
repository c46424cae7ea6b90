"""A real browser, and what it must not do in any test: go elsewhere, or log an error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)
from playwright.sync_api import Error as PlaywrightError

from tests.e2e import chromium
from tests.e2e.drive import PATIENCE
from tests.e2e.serving import served

MILLISECONDS = PATIENCE * 1000
HERE = "127.0.0.1"
FOREIGN = "evil.test"
"""A name of somebody else's, which leads to this machine."""
_ERRORS = {"error", "assert"}


@dataclass
class Watch:
    """What a browser's pages did."""

    expected: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def expects(self, pattern: str) -> None:
        """An error on the console that the test provokes."""
        self.expected.append(pattern)

    def on(self, context: BrowserContext) -> None:
        context.on("request", self._asked)
        context.on("console", self._said)
        context.on("weberror", lambda found: self.faults.append(f"thrown: {found.error}"))
        context.on("dialog", lambda shown: (self.faults.append("a dialog"), shown.dismiss()))

    def _asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in {"blob", "data"} and address.hostname != HERE:
            self.faults.append(f"a request to {request.url}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in _ERRORS:
            self.faults.append(f"logged: {message.text} {message.location}")

    def unexpected(self) -> list[str]:
        return [
            fault
            for fault in self.faults
            if not any(re.search(pattern, fault) for pattern in self.expected)
        ]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium.find()
    if path is None:
        pytest.skip(chromium.missing())
    expect.set_options(timeout=MILLISECONDS)
    foreign = f"--host-resolver-rules=MAP {FOREIGN} {HERE}"
    with sync_playwright() as playwright:
        try:
            opened = playwright.chromium.launch(
                executable_path=path, args=[*chromium.flags(), foreign], timeout=MILLISECONDS
            )
        except PlaywrightError as error:
            pytest.skip(f"{path} does not start: {error.message.splitlines()[0]}")
        yield opened
        opened.close()


@contextmanager
def browsing(browser: Browser, watch: Watch, **how: object) -> Iterator[BrowserContext]:
    """A browser without a past: its own storage, its own tabs."""
    size = {"width": 1280, "height": 800}
    settings = {"viewport": size, "locale": "en-GB", "timezone_id": "Europe/Rome", **how}
    context = browser.new_context(**settings)
    context.set_default_timeout(MILLISECONDS)
    watch.on(context)
    yield context
    context.close()


@pytest.fixture
def watch() -> Iterator[Watch]:
    found = Watch()
    yield found
    faults = found.unexpected()
    assert not faults, faults


@pytest.fixture
def context(browser, watch) -> Iterator[BrowserContext]:
    with browsing(browser, watch) as opened:
        yield opened


@pytest.fixture
def tab(context) -> Page:
    return context.new_page()


@pytest.fixture(scope="module")
def address(browser, local_catchment) -> Iterator[str]:
    """The address that ``duckstring ui`` printed."""
    with served(local_catchment.name) as told:
        yield told


def at(address: str, path: str) -> str:
    """The same start of the page, at another place."""
    origin, _, token = address.partition("/#")
    return f"{origin}{path}#{token}"
