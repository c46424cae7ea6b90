"""``duckstring check``: the checks of a deployed package, of published tables in an S3."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from duckstring.model.names import artifact_key
from duckstring_cli import bucket, catchments, doors, main
from tests.unit.cli.made_up import line_status
from tests.unit.cli.published_kit import DEV, SESSION, published, s3

__all__ = ["published", "s3"]

TOML = '[pond]\nname = "reports"\nversion = "1.0.0"\n[sources]\nup = "1.0.0?"\n'
HEAD = (
    "import os\nfrom duckstring import check, ripple\n@ripple\ndef load(pond): pass\n"
    "@check\ndef alone(pond):\n"
    "    assert not [name for name in os.environ if name.startswith('AWS_')]\n"
    "    assert not pond.has_table('up.a')\n"
)
FEW = "@check(severity='warn')\ndef few(pond): return 'SELECT n, name FROM routes WHERE n > {}'\n"


class Deployed:
    """A Catchment whose Pond ``reports`` has this code and the tables of ``published``."""

    def __init__(self, endpoint: str, snapshot: dict[str, Any]) -> None:
        self.bucket, self.snapshot = SESSION.client("s3", endpoint_url=endpoint), snapshot
        self.line: dict[str, Any] = {}

    def has(self, code: str, toml: str = TOML) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("pond.toml", toml)
            archive.writestr("src/pond.py", code)
        package = buffer.getvalue()
        digest = sha256(package).hexdigest()
        key = artifact_key("reports", "1.0.0", digest)
        self.bucket.put_object(Bucket="the-bucket", Key=key, Body=package)
        self.line = line_status("reports@1", version="1.0.0", package=digest, next=None)

    def answer(self, asked: Mapping[str, object]) -> Mapping[str, Any]:
        if asked["op"] == "status":
            return {"ok": True, "result": {"now": self.snapshot["f"], "lines": [self.line]}}
        if asked["pond"] == "reports":
            return {"ok": True, "result": self.snapshot}
        error = {"type": "PondNotFoundError", "message": "No Pond 'up'.", "hint": ""}
        return {"ok": False, "error": error}


@pytest.fixture
def deployed(
    s3: str, published: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Deployed:
    found = Deployed(s3, published)
    monkeypatch.setattr(catchments, "find", lambda _: DEV)
    monkeypatch.setattr(catchments, "session", lambda _: catchments.Access(SESSION, s3))
    monkeypatch.setattr(catchments, "outputs", lambda _: {"Bucket": "the-bucket"})
    monkeypatch.setattr(bucket, "reach", bucket.by_session)
    monkeypatch.setattr(doors, "open_door", lambda _: found.answer)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.chdir(tmp_path)
    return found


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main.run(["check", "reports", *words])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_what_is_published_and_finds_nothing_is_well(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.has(HEAD + FEW.format(99))
    code, out, err = run(capsys)
    assert (code, out) == (0, "✓ alone  passed\n✓ few  passed\n")
    assert "reports@1 1.0.0, fresh as of 2030-01-01 12:00:00Z" in err


def test_rows_that_are_found_are_shown_and_end_with_1_also_where_they_warn(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.has(HEAD + FEW.format(28))
    code, out, _ = run(capsys)
    assert code == 1
    assert out == "✓ alone  passed\n! few  warned, 1 row\n  n   name\n  29  to 29\n"
    code, out, _ = run(capsys, "--json")
    told = json.loads(out)
    assert (code, told["line"], told["version"], told["snapshot"]) == (1, "reports@1", "1.0.0", 1)
    assert [(one["check"], one["outcome"]) for one in told["checks"]] == [
        ("alone", "passed"),
        ("few", "warned"),
    ]


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        (
            "from duckstring import ripple\n@ripple\ndef load(pond): pass\n",
            2,
            "reports@1 has no checks in version 1.0.0.",
        ),
        (
            HEAD + "@check\ndef bad(pond): raise ValueError('no luck')\n",
            1,
            "The checks could not be made: ValueError: no luck",
        ),
        ("raise SystemExit(3)\n", 1, "The checks could not be made: SystemExit: 3"),
        ("import os\nos._exit(3)\n", 1, "ended the process with exit code 3"),
    ],
)
def test_what_cannot_be_checked_is_one_line(
    deployed: Deployed,
    capsys: pytest.CaptureFixture[str],
    code: str,
    status: int,
    words: str,
) -> None:
    deployed.has(code)
    found, out, err = run(capsys)
    assert (found, out) == (status, "")
    assert words in err


def test_a_package_that_cannot_be_read_is_a_refusal(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.has(HEAD)
    deployed.line["package"] = "0" * 64
    code, _, err = run(capsys)
    assert code == 1
    assert "GetObject on Catchment 'dev' failed: NoSuchKey" in err


def test_an_environment_file_gives_checks_their_variables(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    deployed.has(HEAD + "@check\ndef most(pond): assert pond.env('MOST') == '7'\n")
    (tmp_path / "env").write_text("MOST=7\n")
    assert run(capsys, "--env-file", "env")[0] == 0
    code, _, err = run(capsys)
    assert code == 1
    assert "EnvironmentMissingError" in err
