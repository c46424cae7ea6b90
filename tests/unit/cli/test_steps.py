"""Progress of long work."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

import pytest
from rich.console import Console

from duckstring_cli import render
from duckstring_cli.local import deployment, tools
from duckstring_cli.render import Part
from duckstring_cli.screens import Harmless


def work(step: render.Steps) -> None:
    step("Building")
    step(Part("layer one"))
    step(Part("layer [two]\x1b[2J"))
    step("Deploying")
    step.done()


def test_in_a_pipe_each_part_is_a_line_and_each_step_ends_with_its_seconds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with render.steps() as step:
        work(step)
    lines = capsys.readouterr().err.splitlines()
    assert [line.rsplit(" ", 1)[0] if line[0] == "✓" else line for line in lines] == [
        "  layer one",
        "  layer [two]\\x1b[2J",
        "✓ Building",
        "✓ Deploying",
    ]
    assert all(line.endswith("s") for line in lines if line[0] == "✓")


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], io.StringIO]:
    def of(width: int) -> io.StringIO:
        shown = io.StringIO()
        console = Harmless(
            file=shown, force_terminal=True, width=width, highlight=False, _environ={}
        )
        monkeypatch.setattr(render, "err", lambda: console)
        return shown

    return of


@pytest.mark.parametrize("width", [20, 60, 80, 120])
def test_in_a_terminal_the_step_under_way_is_one_line(
    screen: Callable[[int], io.StringIO], width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen(width)
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    step = render.Steps()
    step("Building the stack and the layers")
    now[0] = 75.0
    step(Part("installing the packages of data, which has a long name and then some more to say"))
    assert step._live
    console = Console(file=io.StringIO(), width=width)
    (segments,) = console.render_lines(step._live.get_renderable(), pad=False)
    line = "".join(segment.text for segment in segments)
    assert len(line) <= width
    if width >= 60:
        assert line[2:].startswith("Building the stack and the layers 1m · installing")
    step.failed()


def test_a_step_that_fails_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> None:
        with render.steps() as step:
            step("Deploying")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        broken()
    assert capsys.readouterr().err.startswith("✗ Deploying ")


def test_a_part_without_a_step_is_not_said(capsys: pytest.CaptureFixture[str]) -> None:
    with render.steps() as step:
        step(Part("nothing begun"))
    assert capsys.readouterr().err == ""


def test_a_command_is_heard_line_by_line_and_its_tail_told_if_it_fails() -> None:
    heard: list[str] = []
    script = "import sys; print('one'); sys.stderr.write('two\\n'); sys.exit(int(sys.argv[1]))"
    command = [sys.executable, "-u", "-c", script]
    tools.run([*command, "0"], what="It", hint="", on_line=heard.append)
    assert heard == ["one", "two"]
    with pytest.raises(tools.OperatorError, match="It failed:\n  one\n  two"):
        tools.run([*command, "1"], what="It", hint="")


def test_lines_of_the_cdk_become_parts_that_are_not_repeated() -> None:
    said: list[str] = []
    told = deployment._Deployment(said.append)
    for name in ("Deps", "Core"):
        told.hear(f"Duckstring-dev: start: Publishing {name} (current_account-x)")
    for number in range(45):
        told.hear(f"Duckstring-dev | {number:3} | 11:25:45 AM | CREATE_COMPLETE | AWS::X | y")
        told.hear(f"Duckstring-dev | {number:3} | 11:25:45 AM | CREATE_IN_PROGRESS | AWS::X | z")
    assert said == ["uploading the functions and the layers", "20 resources", "40 resources"]
    assert all(isinstance(one, Part) for one in said)
