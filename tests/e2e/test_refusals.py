"""Bad input, as typed: the exit code and the words."""

from __future__ import annotations

import shutil
import socket

import pytest

ONE_TABLE = """
@ripple
def make(pond):
    pond.write_table("made", "SELECT 1 AS one")
"""


def refused(said, code, *lines):
    """Exit code, the words on stderr beside the steps, and nothing on stdout."""
    assert (said.code, said.out) == (code, "")
    shown = [line for line in said.err.splitlines() if not line.startswith(("✓ ", "✗ "))]
    while shown and shown[0].startswith("  "):  # the parts of a step; a traceback comes later
        del shown[0]
    assert shown == list(lines)


def test_five_faults_of_one_pond_toml_are_told_at_once(driver, duckstring, monkeypatch):
    root = driver.folder / "faulty"
    root.mkdir()
    (root / "pond.toml").write_text(
        '[pond]\nname = "Sales"\nversion = "1.0"\ntype = "lake"\nimmediate_retries = -1\n\n'
        '[sources]\ntransactions = "one"\n'
    )
    monkeypatch.chdir(root)
    refused(
        duckstring("deploy"),
        2,
        'error: pond.toml:2: [pond] name: found "Sales"; '
        "allowed: a lower-case letter, then lower-case letters, digits and _, at most 48 "
        "characters.",
        (
            'error: pond.toml:3: [pond] version: found "1.0"; allowed: a semantic version such as '
            '"1.0.0".'
        ),
        'error: pond.toml:4: [pond] type: found "lake"; allowed: one of "inlet", "pond", "outlet".',
        (
            "error: pond.toml:5: [pond] immediate_retries: found -1; allowed: a whole number "
            "from 0 "
            "to 1000."
        ),
        'error: pond.toml:8: [sources] transactions: found "one"; '
        'allowed: the least version wanted, such as "1.0.0", or "1.0.0?" for an optional Source.',
        "hint: Correct pond.toml; docs/author.md lists its fields.",
    )


def test_a_cycle_between_two_ponds_is_refused_and_neither_is_deployed(driver, duckstring):
    driver.pond("egg", ONE_TABLE, sources=["hen"])
    driver.pond("hen", ONE_TABLE, sources=["egg"])
    refused(
        duckstring("deploy", driver.folder, "--all"),
        1,
        (
            "error: These Ponds would wait for each other in a cycle: egg@1 -> hen@1 -> egg@1; "
            "take "
            "one of these Sources away."
        ),
    )
    assert not driver.lines("egg", "hen")


def test_a_cycle_that_a_later_deploy_would_close_is_refused_and_what_is_deployed_stays(
    driver, duckstring
):
    driver.deploy(driver.pond("day", ONE_TABLE, sources=["night"]))
    root = driver.pond("night", ONE_TABLE, sources=["day"])
    refused(
        duckstring("deploy", root),
        1,
        (
            "error: These Ponds would wait for each other in a cycle: night@1 -> day@1 -> night@1; "
            "take one of these Sources away."
        ),
    )
    assert driver.line("day")["version"] == "1.0.0"
    assert {held["version"] for pond, held in driver.lines("night").items()} <= {None}


def test_a_cycle_inside_one_pond_is_refused(driver, duckstring):
    root = driver.pond(
        "snake",
        """
        @ripple(parents=["tail"])
        def head(pond):
            pass

        @ripple(parents=["head"])
        def tail(pond):
            pass
        """,
    )
    refused(
        duckstring("deploy", root),
        2,
        "error: snake 1.0.0: The Ripples wait for each other: head -> tail -> head.",
        "hint: Take one of them out of the parents= of another.",
    )
    assert not driver.lines("snake")


def test_an_unknown_parent_is_refused(driver, duckstring):
    root = driver.pond(
        "orphan",
        """
        @ripple
        def load(pond):
            pass

        @ripple(parents=["laod"])
        def join(pond):
            pass
        """,
    )
    refused(
        duckstring("deploy", root),
        2,
        (
            "error: orphan 1.0.0: Ripple 'join': its parent 'laod' is not a Ripple of this Pond; "
            "did "
            "you mean 'load'? it has join, load."
        ),
        "hint: Name a Ripple of this Pond in parents=, or pass the function itself.",
    )


def test_a_module_that_does_not_import_is_told_in_one_line_with_its_traceback(driver, duckstring):
    root = driver.pond("broken", "import no_such_package\n")
    line = (root / "src" / "pond.py").read_text().splitlines().index("import no_such_package") + 1
    refused(
        duckstring("deploy", root),
        2,
        (
            "error: broken 1.0.0: Importing src/pond.py raised ModuleNotFoundError: No module "
            "named "
            "'no_such_package'"
        ),
        "Traceback (most recent call last):",
        f'  File "src/pond.py", line {line}, in <module>',
        "    import no_such_package",
        "ModuleNotFoundError: No module named 'no_such_package'",
        (
            "hint: Add what provides no_such_package to the Catchment's requirements.txt, or the "
            "module itself to the project."
        ),
    )
    assert not driver.lines("broken")


def test_a_module_that_exits_is_told_in_one_line(driver, duckstring):
    root = driver.pond("quitter", "os._exit(3)\n")
    refused(
        duckstring("deploy", root),
        2,
        "error: quitter 1.0.0: Importing src/pond.py ended the process with exit code 3.",
        "hint: At module level only declare; it may use 2 GB of memory.",
    )


def test_a_module_without_ripples_is_refused(driver, duckstring):
    root = driver.pond("empty", "pass\n")
    refused(
        duckstring("deploy", root),
        2,
        "error: empty 1.0.0: src/pond.py declares no Ripple.",
        "hint: Put @ripple above at least one function in it.",
    )


def test_a_batch_with_one_fault_deploys_nothing(driver, duckstring):
    driver.pond("good", ONE_TABLE)
    driver.pond("bad", "raise ValueError('no')\n")
    said = duckstring("deploy", driver.folder, "--all")
    assert said.code == 2
    assert not driver.lines("good", "bad")


def test_changed_contents_under_a_deployed_version_need_overwrite(driver, duckstring):
    root = driver.pond("steady", ONE_TABLE)
    driver.deploy(root)
    driver.pond("steady", ONE_TABLE.replace("SELECT 1", "SELECT 2"))
    refused(
        duckstring("deploy", root),
        1,
        "error: steady 1.0.0 is deployed already, with other contents.",
        (
            "hint: Raise version in pond.toml, or deploy again with --overwrite, which replaces "
            "what "
            "is deployed."
        ),
    )
    assert "unchanged" not in driver.run.done("deploy", root, "--overwrite")
    epoch = driver.pulse("steady")
    driver.wait_fresh("steady", epoch)
    assert driver.rows("steady", "made") == [{"one": 2}]
    assert "unchanged" in driver.run.done("deploy", root)


def test_a_table_that_does_not_exist_is_refused_with_the_nearest_name(driver, duckstring):
    driver.deploy(driver.pond("shelf", ONE_TABLE))
    refused(
        duckstring("query", "shelf", "made"),
        1,
        "error: shelf@1 has not completed a run yet.",
        "hint: Send demand: duckstring trigger pulse shelf -m 1",
    )
    driver.wait_fresh("shelf", driver.pulse("shelf"))
    refused(
        duckstring("query", "shelf", "mad"),
        2,
        "error: shelf@1 has published no table 'mad'; it has made.",
        "hint: Did you mean 'made'?",
    )
    said = duckstring("query", "shelf", "--sql", "SELECT * FROM mad")
    assert (said.code, said.out) == (2, "")
    assert said.err.splitlines() == [
        "error: Catalog Error: Table with name mad does not exist!",
        'error: Did you mean "made"?',
        "error: LINE 1: SELECT * FROM mad",
        "error:                       ^",
        "hint: Tables here: made.",
    ]


def test_a_trigger_on_an_unknown_pond_is_refused_with_the_nearest_name(driver, duckstring):
    driver.deploy(driver.pond("invoices", ONE_TABLE))
    refused(
        duckstring("trigger", "pulse", "invoces"),
        2,
        "error: No Pond 'invoces' in this Catchment; the nearest: invoices.",
        "hint: List them with: duckstring status --once",
    )


def test_a_run_that_does_not_exist_is_refused(driver, duckstring):
    driver.deploy(driver.pond("unrun", ONE_TABLE))
    refused(
        duckstring("run", "show", "unrun@1/7"),
        2,
        "error: No run 'unrun@1/7' in this Catchment; its line has not run yet.",
        "hint: List them with: duckstring runs",
    )


def test_an_unknown_catchment_is_refused_with_the_nearest_name(local_catchment, duckstring):
    refused(
        duckstring("status", "--once", "-c", "tset"),
        2,
        "error: No Catchment 'tset'; known: test. Did you mean 'test'?",
        "hint: See duckstring catchment list; make one with duckstring catchment init --name NAME.",
    )


@pytest.fixture
def spare(duckstring_home, duckstring, local_catchment):
    """A second Catchment, set up and never started."""
    from duckstring_cli.local import process

    duckstring.done("catchment", "init", "--name", "spare", "--port", process.free_port())
    yield "spare"
    duckstring.done("catchment", "disconnect", "spare")
    shutil.rmtree(duckstring_home / "catchments" / "spare", ignore_errors=True)


@pytest.mark.parametrize(
    "words",
    [
        ("status", "--once"),
        ("trigger", "pulse", "reports"),
        ("runs",),
        ("query", "reports", "worst_routes"),
    ],
    ids=" ".join,
)
def test_a_catchment_that_does_not_run_is_told_with_the_command_that_starts_it(
    spare, duckstring, words
):
    refused(
        duckstring(*words, "-c", spare),
        1,
        "error: Catchment 'spare' is not running.",
        "hint: Start it: duckstring catchment start spare",
    )


def test_deploying_to_a_catchment_that_does_not_run_is_refused(spare, driver, duckstring):
    root = driver.pond("early", ONE_TABLE)
    said = duckstring("deploy", root, "-c", spare)
    assert said.code == 1
    assert said.err.splitlines()[-2:] == [
        "error: Catchment 'spare' is not running.",
        "hint: Start it: duckstring catchment start spare",
    ]


def test_a_port_taken_by_another_program_is_refused(local_catchment, duckstring):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        refused(
            duckstring("catchment", "init", "--name", "other", "--port", port),
            1,
            f"error: Port {port} is taken by another program.",
            "hint: Choose another --port, or leave it out.",
        )
    assert "other" not in duckstring.done("catchment", "list")
