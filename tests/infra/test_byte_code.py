"""The functions' byte code: a cold start compiles nothing."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from duckstring.errors import OperatorError
from infra import layers
from infra.config import Config
from infra.layers import Target, source_zip

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def package(tmp_path) -> Path:
    folder = tmp_path / "ours"
    (folder / "testing").mkdir(parents=True)
    (folder / "__init__.py").write_text("A = 1\n")
    (folder / "testing" / "__init__.py").write_text("B = 2\n")
    return folder


def names_in(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as found:
        return set(found.namelist())


def test_code_for_lambda_is_compiled_and_what_is_for_tests_stays_out(package, tmp_path):
    target = Target.of(python=HERE, architecture="x86_64", named="")
    found = names_in(
        source_zip(package, prefix="python/", target=target, build=tmp_path / "build").path
    )
    assert "python/ours/__init__.py" in found
    assert any(name.startswith("python/ours/__pycache__/__init__.") for name in found)
    assert not [name for name in found if "testing" in name]


@pytest.mark.parametrize("wanted", [{"bytecode": False}, {"named": "host"}])
def test_it_is_not_compiled_if_told_so_or_for_this_machine(package, tmp_path, wanted):
    target = Target.of(**{"python": "3.99", "architecture": "x86_64", "named": "", **wanted})
    assert not [
        name
        for name in names_in(
            source_zip(package, prefix="", target=target, build=tmp_path / "build").path
        )
        if "pycache" in name
    ]


def test_without_a_python_to_compile_with_nothing_is_built_and_it_says_what_to_do(monkeypatch):
    monkeypatch.setattr(layers, "_output_of", lambda _command: "")
    with pytest.raises(OperatorError, match=r"There is no Python 3\.98 on this machine") as caught:
        Target.of(python="3.98", architecture="arm64", named="")
    assert "-c bytecode=no" in caught.value.hint


def test_the_option_is_read():
    assert Config.read({"bytecode": "no"}.get).bytecode is False
    assert Config.read({}.get).bytecode is True
    with pytest.raises(OperatorError, match="bytecode"):
        Config.read({"bytecode": "maybe"}.get)


def test_a_zip_is_its_users_alone_also_one_that_was_kept(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "code.py").write_text("X = 1\n")
    for _ in range(2):
        target = Target("3.12", "host")
        made = source_zip(package, prefix="", target=target, build=tmp_path / "build").path
        assert made.stat().st_mode & 0o077 == 0
        made.chmod(0o644)
