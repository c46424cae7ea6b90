"""Commands on a project's ``puddles`` folder, some of them with a Catchment's published tables."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from duckstring_cli import main
from tests.unit.cli.published_kit import published, s3, snapshot
from tests.unit.puddles.local_kit import HEAD, Local

__all__ = ["published", "s3", "snapshot"]

CODE = HEAD + (
    "@ripple\ndef load(pond):\n"
    "    pond.write_table('n', pond.con.sql('SELECT count(*) AS n FROM reports.routes'))\n"
)


@pytest.fixture
def local(tmp_path, monkeypatch):
    made = Local(tmp_path, sources='reports = "1.0.0"\nlate = "1.0.0?"\n')
    made.code(CODE)
    made.puddles(
        "@puddle('reports.routes')\ndef routes(): return [{'n': 1, 'who': 'me\\x1b[31m'}]\n"
    )
    monkeypatch.chdir(made.root)
    monkeypatch.setenv("DUCKSTRING_HOME", str(tmp_path / "home"))
    return made


def run(capsys, *arguments):
    code = main.run(arguments)
    told = capsys.readouterr()
    return code, told.out, told.err


def test_a_pond_runs_and_its_tables_are_listed_shown_and_asked(local, capsys):
    code, out, err = run(capsys, "pond", "run")
    assert (code, out.split()[:2]) == (0, ["✓", "load"])
    assert "n 1 row" in out
    assert "hydrated reports.routes 1 row" in err
    assert "Next: duckstring puddle show n" in err
    _, out, _ = run(capsys, "puddle", "ls")
    assert [line.split()[0] for line in out.splitlines()] == ["TABLE", "reports.routes", "n"]
    assert "run sales@1/1" in out
    _, out, _ = run(capsys, "puddle", "ls", "--json")
    assert [one["table"] for one in json.loads(out)["tables"]] == ["reports.routes", "n"]
    _, out, _ = run(capsys, "puddle", "show", "reports.routes")
    assert out.splitlines()[1].split() == ["1", "me\\x1b[31m"]
    _, out, _ = run(capsys, "puddle", "show", "n", "--json")
    assert json.loads(out) == [{"n": 1}]
    _, out, _ = run(
        capsys, "puddle", "query", "SELECT n.n + routes.n AS s FROM n, reports.routes", "--csv"
    )
    assert out.split() == ["s", "2"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["puddle", "query", "COPY n TO 'x.csv'"], 2, "That SQL is COPY; allowed: one SELECT"),
        (["puddle", "query", "SELECT 1; SELECT 2"], 2, "That SQL has 2 statements"),
        (["puddle", "show", "none"], 2, "There is no table 'none'; there are none."),
        (["puddle", "ls", "nowhere"], 2, "nowhere has no pond.toml."),
        (["puddle", "record", "routes"], 2, "Give SOURCE.TABLE, found 'routes'."),
        (["puddle", "record", "repots.routes"], 2, "Did you mean 'reports'?"),
        (["pond", "run", "--ripple", "lod"], 2, "Did you mean 'load'?"),
        (["pond", "run", "--watch", "--json"], 2, "Give --watch or --json, not both."),
        (["pond", "run", "--env-file", "none"], 2, "--env-file none cannot be read: No such file"),
        (["pond", "run", "nowhere"], 2, "nowhere has no pond.toml."),
        (["pond", "hydrate", "--rows", "3"], 2, "--rows goes with --from-catchment."),
        (["pond", "hydrate", "-s", "repots"], 2, "'repots' is not a Source of this Pond"),
        (["pond", "test", "-q"], 2, "There are no tests to run."),
    ],
)
def test_bad_input_is_one_line(local, capsys, arguments, code, says):
    found, out, err = run(capsys, *arguments)
    assert (found, out) == (code, "")
    assert says in err
    assert sum(line.startswith("error: ") for line in err.splitlines()) == 1
    assert not (local.root / "puddles" / "out" / "n.parquet").exists()


def test_what_duckdb_does_not_accept_is_said_with_its_place_and_the_tables_that_there_are(
    local, capsys
):
    code, out, err = run(capsys, "puddle", "query", "FROM none")
    assert (code, out) == (2, "")
    lines = err.splitlines()
    assert lines[0].startswith("error: Catalog Error: Table with name none does not exist!")
    assert "error: LINE 1: FROM none" in lines
    assert lines[-1] == "hint: Tables here: none."


def test_a_failed_run_shows_the_authors_frames_and_ends_with_1(local, capsys):
    local.code(HEAD + "@ripple\ndef load(pond):\n    raise ValueError('no \\x1b[31m rows')\n")
    code, out, err = run(capsys, "pond", "run")
    assert code == 1
    assert "✗ load" in out
    assert 'File "src/pond.py", line 5, in load' in out
    assert "ValueError: no \\x1b[31m rows" in out
    assert "worker" not in out
    assert "Nothing of this run is published" in err
    code, out, _ = run(capsys, "pond", "run", "--json")
    told = json.loads(out)
    assert (code, told["status"], told["ripples"][0]["error"]) == (1, "failed", "ValueError")


def test_debug_runs_in_the_commands_own_process(local):
    """In another process than this one, for it changes that one's modules."""
    local.code(CODE.replace("    pond.write", "    breakpoint()\n    pond.write"))
    command = "import sys; from duckstring_cli.main import run; sys.exit(run(sys.argv[1:]))"
    ran = subprocess.run(
        [sys.executable, "-c", command, "pond", "run", "--debug"],
        input="p pond.name\nc\n",
        capture_output=True,
        text=True,
        check=False,
        cwd=local.root,
    )
    assert "'sales'" in ran.stdout
    assert "✓ load" in ran.stdout
    assert ran.returncode == 0


@pytest.mark.usefixtures("snapshot")
def test_rows_of_a_catchment_stand_in_for_a_source(local, capsys, monkeypatch):
    monkeypatch.chdir(local.root)
    code, out, _ = run(
        capsys, "pond", "hydrate", "-s", "reports", "--from-catchment", "--rows", "12"
    )
    assert (code, out.split()) == (
        0,
        ["TABLE", "ROWS", "BYTES", "reports.routes", "12", *out.split()[5:]],
    )
    told = json.loads((local.root / "puddles/in/puddles.json").read_text())
    kept = told["tables"]["reports.routes"]
    assert (kept["f"], kept["catchment"], kept["snapshot"]) == ("2030-01-01T12:00:00Z", "dev", 1)
    first = _rows(local.root / "puddles/in/reports/routes.parquet")
    run(capsys, "pond", "hydrate", "-s", "reports", "--from-catchment", "--rows", "12")
    assert _rows(local.root / "puddles/in/reports/routes.parquet") == first
    _, out, _ = run(capsys, "puddle", "ls")
    assert "dev, reports run 1, as of 2030-01-01 12:00:00Z" in out


@pytest.mark.usefixtures("snapshot")
def test_recorded_rows_are_masked_and_a_puddle_reads_them(local, capsys, monkeypatch):
    monkeypatch.chdir(local.root)
    (local.root / "src" / "puddles.py").unlink()
    code, out, err = run(capsys, "puddle", "record", "reports.routes", "--mask", "name")
    assert code == 0
    assert "30 of 30 rows of reports.routes, run 1, fresh as of 2030-01-01 12:00:00Z" in out
    assert "masked: name" in err
    file = local.root / "puddles/recorded/reports.routes.parquet"
    names = [row[1] for row in _rows(file)]
    assert len(set(names)) == 30
    assert all(name.startswith("name-") for name in names)
    told = json.loads(file.with_suffix(".json").read_text())
    assert (told["f"], told["masked"], told["rows"]) == (
        "2030-01-01T12:00:00.000000Z",
        ["name"],
        30,
    )
    assert run(capsys, "pond", "hydrate")[0] == 0
    assert _rows(local.root / "puddles/in/reports/routes.parquet") == _rows(file)
    run(capsys, "puddle", "record", "reports.routes", "--mask", "name")
    assert [row[1] for row in _rows(file)] == names  # the same tokens
    text = (local.root / "src" / "puddles.py").read_text()
    assert text.count('@puddle("reports.routes")') == 1
    code, _, err = run(capsys, "puddle", "record", "reports.routes", "--mask", "nmae")
    assert (code, "Did you mean 'name'?" in err) == (2, True)


def _rows(file: Path):
    return duckdb.connect().execute(f"FROM '{file}' ORDER BY ALL").fetchall()
