"""``pond run --watch``: again at each change of a file."""

import pytest

from duckstring.errors import OperatorError
from duckstring_cli.watching import again_at_each_change, files_of


def test_it_runs_again_at_a_change_and_a_refusal_does_not_end_it(tmp_path, capsys):
    calls = []

    def once(*, fresh):
        calls.append(fresh)
        (tmp_path / "pond.py").write_text("x" * len(calls))
        if len(calls) == 1:
            raise OperatorError("not so")
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        again_at_each_change(tmp_path, once, fresh=True)
    assert calls == [True, True, False]  # what was refused has forgotten nothing yet
    told = capsys.readouterr().err
    assert "error: not so" in told
    assert told.count("Waiting for a change of a file") == 2


def test_what_a_run_itself_writes_is_no_change(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "pond.py").write_text("")
    before = files_of(tmp_path)
    for folder in ("puddles/in", "puddles/out", "src/__pycache__", ".git", ".venv"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "x").write_text("x")
    assert files_of(tmp_path) == before
    (tmp_path / "puddles" / "recorded").mkdir()
    (tmp_path / "puddles" / "recorded" / "x").write_text("x")
    assert files_of(tmp_path) != before
