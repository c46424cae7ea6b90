"""What other sites in the same browser can do to the page, and what texts of others can."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.browsing import FOREIGN, Watch, at, browsing

CODE = """
@ripple
def load(pond):
    pond.write_table("made", "SELECT 'a secret' AS word")
"""

READS = """
async (origin) => {
    const seen = [];
    const paths = ["/", "/api/catchment", "/api/status", "/api/line/target@1", "/icon.svg"];
    for (const path of paths)
        for (const how of [{}, {credentials: "include"}, {headers: {Authorization: "Bearer x"}}]) {
            try {
                const answer = await fetch(origin + path, how);
                seen.push([path, answer.status, await answer.text()]);
            } catch { }
            try {
                const answer = await fetch(origin + path, {...how, mode: "no-cors"});
                if (answer.type !== "opaque") seen.push([path, answer.type]);
            } catch { }
        }
    return seen;
}
"""
WRITES = """
async (origin) => {
    const bodies = {
        "/api/trigger": {pond: "target", major: 1, kind: "pulse"},
        "/api/control": {line: "target@1", verb: "kill"},
    };
    const answered = [];
    for (const [path, body] of Object.entries(bodies))
        for (const type of ["application/json", "text/plain", "application/x-www-form-urlencoded"])
            for (const mode of ["cors", "no-cors"])
                for (const credentials of ["omit", "include"])
                    try {
                        const answer = await fetch(origin + path, {
                            method: "POST", mode, credentials, headers: {"Content-Type": type},
                            body: JSON.stringify(body),
                        });
                        if (answer.type !== "opaque") answered.push([path, answer.status]);
                    } catch { }
    navigator.sendBeacon(origin + "/api/trigger", JSON.stringify(bodies["/api/trigger"]));
    return answered;
}
"""
EMBEDS = """
async (origin) => {
    const told = [];
    const put = (kind, address, values = {}) => new Promise((done) => {
        const element = Object.assign(document.createElement(kind), values);
        element.onload = () => done(told.push([kind, address, "load"]));
        element.onerror = () => done();
        element[kind === "link" ? "href" : "src"] = address;
        document.body.append(element);
    });
    for (const path of ["/", "/api/status", "/api/catchment", "/icon.svg"]) {
        await put("img", origin + path);
        await put("script", origin + path);
        await put("link", origin + path, {rel: "stylesheet"});
    }
    return told;
}
"""
FRAMED = """
(origin) => new Promise((done) => {
    const frame = document.createElement("iframe");
    frame.onload = () => {
        let text = "";
        try { text = frame.contentDocument?.body?.innerText ?? ""; } catch { }
        done([text, frame.contentWindow.length]);
    };
    frame.src = origin + "/";
    document.body.append(frame);
})
"""
POSTS_A_FORM = """
([origin, target]) => {
    if (target !== "_self")
        document.body.append(Object.assign(document.createElement("iframe"), {name: target}));
    const form = document.createElement("form");
    Object.assign(form, {
        action: origin + "/api/trigger", method: "POST", enctype: "text/plain", target,
    });
    const field = document.createElement("input");
    field.name = '{"pond": "target", "major": 1, "kind": "pulse", "x": "';
    field.value = '"}';
    form.append(field);
    document.body.append(form);
    form.submit();
}
"""


class Silent(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"<!doctype html><title>evil</title><body>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[int]:
    """The port of somebody else's server on this machine."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def target(driver):
    """A Pond that nobody has run; what it is at the end."""
    driver.deploy(driver.pond("target", CODE))
    yield driver
    assert driver.runs("target") == []
    line = driver.line("target")
    assert (line["status"], line["trigger"], line["demand"]["targets"]) == ("idle", None, [])


@pytest.fixture(scope="module", params=["127.0.0.1", "localhost", FOREIGN])
def other_site(request, browser, elsewhere, address):
    """A browser that has the page open, and the address of another site."""
    with browsing(browser, Watch()) as context:
        mine = context.new_page()
        mine.goto(address)
        expect(mine.get_by_role("banner")).to_contain_text("live")
        yield context, f"http://{request.param}:{elsewhere}/"


@pytest.fixture
def attacker(other_site):
    """A tab of that site."""
    context, home = other_site
    tab = context.new_page()
    tab.goto(home)
    yield tab
    tab.close()


def origins(address):
    """The page, by each name that leads to it."""
    port = address.partition("/#")[0].rpartition(":")[2]
    return [f"http://{name}:{port}" for name in ("127.0.0.1", "localhost", FOREIGN)]


def test_another_site_reads_nothing(target, attacker, address):
    for origin in origins(address):
        assert attacker.evaluate(READS, origin) == []


def test_another_site_changes_nothing(target, attacker, address):
    for origin in origins(address):
        assert attacker.evaluate(WRITES, origin) == []


def test_another_site_embeds_nothing(target, attacker, address):
    for origin in origins(address):
        assert attacker.evaluate(EMBEDS, origin) == []
        text, frames = attacker.evaluate(FRAMED, origin)
        assert (text, frames) == ("", 0)
        for frame in attacker.frames[1:]:
            assert "Duckstring" not in frame.content()


def test_a_form_of_another_site_changes_nothing(target, attacker, address):
    for number, origin in enumerate(origins(address)):
        with attacker.expect_response(f"{origin}/api/trigger") as inner:
            attacker.evaluate(POSTS_A_FORM, [origin, f"frame{number}"])
        assert inner.value.status in {401, 403, 421}
    origin = origins(address)[0]
    with attacker.expect_response(f"{origin}/api/trigger") as top:
        attacker.evaluate(POSTS_A_FORM, [origin, "_self"])
    assert top.value.status == 403


def test_a_site_that_opens_the_page_cannot_reach_into_it(target, attacker, address):
    with attacker.expect_popup() as opened:
        attacker.evaluate("where => { window.held = window.open(where); }", address)
    page = opened.value
    expect(page.get_by_role("banner")).to_contain_text("live")
    assert page.evaluate("window.opener") is None
    seen = attacker.evaluate(
        """() => {
            try { return window.held.closed || window.held.document.body.innerText; }
            catch { return "refused"; }
        }"""
    )
    assert seen in {True, "refused"}
    page.goto(attacker.url)
    assert page.evaluate("sessionStorage.length") == 0
    page.close()


def test_a_name_that_leads_here_is_not_the_page(target, browser, address):
    """DNS rebinding: the page of another name is of this very server."""
    origin = origins(address)[2]
    with browsing(browser, Watch()) as context:
        tab = context.new_page()
        answer = tab.goto(f"{origin}/#{address.partition('#')[2]}")
        assert answer.status == 421
        token = address.partition("token=")[2]
        status = tab.evaluate(
            """async ([path, token]) => (await fetch(path, {
                method: "POST", body: JSON.stringify({pond: "target", major: 1, kind: "pulse"}),
                headers: {Authorization: `Bearer ${token}`, "Content-Type": "application/json"},
            })).status""",
            ["/api/trigger", token],
        )
        assert status == 421


# Texts of others

SCRIPT = "<script>window.hit=1</script>"
IMAGE = "<img src=x onerror=window.hit=1>"
LINK = "javascript:window.hit=1"
HOSTILE = f"{SCRIPT}{IMAGE} {LINK} \x1b[31mred\x07 \u202eback\u202c \u200b"
SHOWN = f"{SCRIPT}{IMAGE} {LINK} \\x1b[31mred\\x07 \\u202eback\\u202c \\u200b"
WEB = "https://example.com/a?b=1"
LONG = "w" * 5000
TEXTS = f"""
HOSTILE = {HOSTILE!r}
LONG = {LONG!r}

@ripple
def load(pond):
    print(HOSTILE)
    print("x" * 200_000)
    rows = "SELECT $v AS \\"" + {IMAGE!r} + "\\", $w AS long"
    pond.con.execute("CREATE TABLE t AS " + rows, {{"v": HOSTILE.replace(chr(7), ""), "w": LONG}})
    pond.write_table("t_of_others", "FROM t")

@ripple(parents=[load])
def check(pond):
    if not (Path(os.environ["LEDGER"]) / "hostile.mended").exists():
        raise ValueError(f"{{HOSTILE}} see {WEB}, or {LINK} {{LONG}}")
"""


@pytest.fixture
def hostile(driver):
    """A Pond that fails with such texts, has logged them, and publishes them when it is mended."""
    driver.deploy(driver.pond("hostile", TEXTS))
    epoch = driver.pulse("hostile")
    driver.wait_for("hostile", "failed")
    return driver, epoch


def obeys_nothing(tab):
    assert tab.evaluate("window.hit") is None
    assert tab.locator("a[href^='javascript' i]").count() == 0
    assert tab.locator("main script, main img").count() == 0
    assert tab.evaluate("document.scrollingElement.scrollWidth <= innerWidth")


def test_texts_of_others_are_shown_and_not_obeyed(hostile, tab, address):
    driver, epoch = hostile
    tab.goto(at(address, "/pond/hostile@1"))
    expect(tab.get_by_label("The error")).to_contain_text(SHOWN)
    obeys_nothing(tab)

    tab.goto(at(address, "/run/hostile@1/1"))
    error = tab.get_by_label("The error")
    expect(error).to_contain_text(f"{SHOWN} see {WEB}, or {LINK} {LONG}")
    expect(tab.get_by_label("The traceback")).to_contain_text(SHOWN)
    link = error.get_by_role("link")
    expect(link).to_have_count(1)
    expect(link).to_have_attribute("href", WEB)
    expect(link).to_have_attribute("rel", "noreferrer noopener")
    log = tab.get_by_role("log")
    expect(log).to_contain_text(SHOWN)
    expect(log).to_contain_text("x" * 100_000)
    obeys_nothing(tab)

    tab.goto(at(address, "/runs"))
    expect(tab.get_by_role("link", name="hostile@1 / 1")).to_be_visible()
    expect(tab.get_by_role("main")).to_contain_text(SCRIPT)
    obeys_nothing(tab)

    driver.let("hostile", "mended")
    driver.run.done("control", "clear", "hostile")
    driver.wait_fresh("hostile", epoch)
    tab.goto(at(address, "/data/hostile@1/t_of_others"))
    rows = tab.get_by_role("region", name="The first rows of t_of_others")
    expect(rows.get_by_role("columnheader").first).to_have_text(f"{IMAGE}VARCHAR")
    expect(rows.get_by_role("cell")).to_have_text([SHOWN.replace("\\x07", ""), LONG])
    obeys_nothing(tab)
