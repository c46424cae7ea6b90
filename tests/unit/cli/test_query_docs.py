"""The examples of docs/query.md are carried out as they stand there."""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from duckstring_cli import main
from tests.unit.cli.lake_kit import Api, api, lake_rows, lake_s3
from tests.unit.cli.test_shell import typed

__all__ = ["api", "lake_rows", "lake_s3", "typed"]

PAGE = (Path(__file__).parents[3] / "docs" / "query.md").read_text(encoding="utf-8")
COMMANDS = [
    line.strip()
    for line in PAGE.splitlines()
    if re.match(r"    (cat .* \| )?duckstring sql", line) and "..." not in line
]


@pytest.mark.parametrize("line", COMMANDS)
@pytest.mark.usefixtures("api")
def test_a_command_of_the_page_does_what_it_says(
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("report.sql").write_text("SELECT count(*) AS n FROM sales.orders;")
    monkeypatch.setattr("sys.stdin", io.StringIO(Path("report.sql").read_text()))
    typed_words = shlex.split(line.rpartition(" | ")[2].partition(" > ")[0])
    code = main.run(typed_words[1:])
    told = capsys.readouterr()
    assert (code, "error" in told.err, bool(told.out)) == (0, False, True), told.err


@pytest.mark.usefixtures("api")
def test_what_the_page_types_into_the_shell_is_a_statement(typed: Callable) -> None:
    lines = [found[1] for found in re.finditer(r"^    (?:sql|\.\.\.)> (.*)$", PAGE, re.MULTILINE)]
    code, out, _ = typed(*lines)
    assert (code, out.split()) == (0, ["n", "30"])


def test_the_notebook_of_the_page_runs(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(code, {})
    assert "(datetime.date(2030, 1, 1), 10)" in capsys.readouterr().out
    assert api.asked[-1]["consistent"] is True


def test_the_page_has_examples() -> None:
    assert len(COMMANDS) >= 4
