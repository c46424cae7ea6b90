"""Packaging a project."""

import io
import os
import zipfile

import pytest

from duckstring.model.pondfile import ManifestError
from duckstring.service.package import PackageError, package

POND = '[pond]\nname = "sales"\nversion = "1.0.0"\n'


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "sales"
    (root / "src").mkdir(parents=True)
    (root / "pond.toml").write_text(POND)
    (root / "src" / "pond.py").write_text("x = 1\n")
    return root


def test_the_same_files_give_the_same_bytes(project, tmp_path):
    first = package(project)
    os.utime(project / "src" / "pond.py", (1, 1))
    (project / "src" / "pond.py").chmod(0o600)
    assert package(project).content == first.content
    (project / "src" / "pond.py").write_text("x = 2\n")
    assert package(project).sha256 != first.sha256


def test_what_is_ignored_or_not_source_stays_out(project):
    for path in (
        ".git/config",
        ".venv/lib/a.py",
        "src/__pycache__/a.pyc",
        "dist/x.whl",
        ".env",
        "data/big.csv",
        "src/local/notes.md",
        "keep/a.txt",
    ):
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text("x")
    (project / ".gitignore").write_text("/data/\nkeep/*\n")
    (project / ".pondignore").write_text("!keep/a.txt\n")
    (project / "src" / ".gitignore").write_text("local/\n")
    packed = package(project)
    assert packed.files == (".gitignore", ".pondignore", "keep/a.txt", "pond.toml", "src/.gitignore", "src/pond.py")
    assert zipfile.ZipFile(io.BytesIO(packed.content)).read("src/pond.py") == b"x = 1\n"


def test_a_project_without_its_ripples_is_refused(project):
    (project / "src" / "pond.py").unlink()
    with pytest.raises(PackageError, match=r"pond.toml names src/pond.py for its Ripples; there is no such file"):
        package(project)


def test_ripples_that_are_ignored_are_refused_with_the_reason(project):
    (project / ".gitignore").write_text("src/\n")
    with pytest.raises(PackageError, match=r"left out by .gitignore"):
        package(project)


def test_a_link_out_of_the_project_is_refused(project, tmp_path):
    (tmp_path / "secret").write_text("x")
    (project / "src" / "data.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(PackageError, match=r"src/data.txt is a link to .*, outside the project"):
        package(project)


def test_a_link_to_a_file_of_the_project_is_followed(project):
    (project / "src" / "alias.py").symlink_to("pond.py")
    assert zipfile.ZipFile(io.BytesIO(package(project).content)).read("src/alias.py") == b"x = 1\n"


def test_a_large_project_is_warned_about_and_a_huge_one_refused(project):
    data = project / "data.bin"
    with data.open("wb") as file:
        file.truncate(11 * 1024**2)
    assert "data.bin (11.0 MB)" in package(project).warnings[0]
    with data.open("wb") as file:
        file.truncate(51 * 1024**2)
    with pytest.raises(PackageError, match=r"51.0 MB in 3 files; allowed: 50.0 MB"):
        package(project)


def test_a_folder_without_pond_toml_is_no_project(tmp_path):
    with pytest.raises(PackageError, match=r"has no pond.toml"):
        package(tmp_path)


def test_faults_of_pond_toml_are_told(project):
    (project / "pond.toml").write_text("[pond]\n")
    with pytest.raises(ManifestError):
        package(project)
