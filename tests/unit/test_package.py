"""Packaging a project."""

import io
import os
import shutil
import socket
import zipfile
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from duckstring.model.pondfile import ManifestError
from duckstring_cli.package import PackageError, package

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
    assert packed.files == (
        ".gitignore",
        ".pondignore",
        "keep/a.txt",
        "pond.toml",
        "src/.gitignore",
        "src/pond.py",
    )
    assert zipfile.ZipFile(io.BytesIO(packed.content)).read("src/pond.py") == b"x = 1\n"


def test_a_project_without_its_ripples_is_refused(project):
    (project / "src" / "pond.py").unlink()
    with pytest.raises(
        PackageError, match=r"pond.toml names src/pond.py for its Ripples; there is no such file"
    ):
        package(project)


def test_a_project_may_have_sql_ripples_alone_unless_it_names_a_module(project):
    (project / "src" / "pond.py").unlink()
    (project / "src" / "ripples").mkdir()
    (project / "src" / "ripples" / "totals.sql").write_text("SELECT 1 AS one")
    assert "src/ripples/totals.sql" in package(project).files
    (project / "pond.toml").write_text(f'{POND}ripples = "src/pnd.py"\n')
    with pytest.raises(PackageError, match=r"pond.toml names src/pnd.py for its Ripples"):
        package(project)


def test_ripples_that_are_ignored_are_refused_with_the_reason(project):
    (project / ".gitignore").write_text("src/\n")
    with pytest.raises(PackageError, match=r"src/pond.py is left out: by .gitignore"):
        package(project)


def test_a_test_or_a_cache_that_is_added_changes_no_version(project):
    before = package(project).sha256
    for path in (
        "tests/test_pond.py",
        "tests/data/a.csv",
        "conftest.py",
        "src/test_clean.py",
        ".cache/x",
        "src/.pond.py.swp",
        "htmlcov/a.html",
    ):
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text("x")
    assert package(project).sha256 == before


def test_pondignore_brings_back_a_module_that_is_called_as_a_test_is(project):
    (project / "src" / "test_marks.py").write_text("x = 1\n")
    (project / ".pondignore").write_text("!test_marks.py\n")
    assert "src/test_marks.py" in package(project).files


def _pipe(path):
    os.mkfifo(path)


def _socket(path):
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path has 108 bytes at most
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def _self_link(path):
    path.symlink_to(path.name)


def _broken_link(path):
    path.symlink_to("nowhere")


@pytest.mark.parametrize("where", ["data", "src/pond.py", "pond.toml", "src/.data"])
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_pipe, "a named pipe"),
        (_socket, "a socket"),
        (_self_link, "is a link to"),
        (_broken_link, "is a link to"),
    ],
)
def test_what_is_not_a_file_is_refused_at_once(project, where, make, said):
    (project / where).unlink(missing_ok=True)
    make(project / where)
    with pytest.raises(PackageError) as caught:
        package(project)
    assert said in caught.value.message
    assert caught.value.message.startswith(where)
    assert caught.value.hint


def test_a_folder_that_links_to_itself_is_refused(project):
    (project / "data").mkdir()
    (project / "data" / "again").symlink_to(".", target_is_directory=True)
    with pytest.raises(PackageError, match=r"data/again is a link to the folder \."):
        package(project)


@pytest.mark.parametrize(
    "name", [b"caf\xe9.csv", b"src/\xff\xfe.py", b"two\nlines.csv", b"red\x1b[31m.csv"]
)
def test_a_name_that_is_not_text_is_refused_in_words_that_any_terminal_can_show(project, name):
    Path(os.fsdecode(os.fsencode(project) + b"/" + name)).write_text("x")
    with pytest.raises(PackageError) as caught:
        package(project)
    assert caught.value.message.isprintable()
    assert caught.value.message.encode()


def test_rules_that_are_not_text_are_refused(project):
    (project / ".pondignore").write_bytes(b"caf\xe9\n")
    with pytest.raises(PackageError, match=r"^\.pondignore is not UTF-8 text"):
        package(project)


def test_a_byte_order_mark_is_read_over(project):
    (project / "pond.toml").write_bytes(b"\xef\xbb\xbf" + POND.encode())
    (project / ".pondignore").write_bytes(b"\xef\xbb\xbfdata\n")
    (project / "data").write_text("x")
    packed = package(project)
    assert packed.pondfile.pond.name == "sales"
    assert "data" not in packed.files


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_another_encoding_is_named(project, encoding):
    (project / "pond.toml").write_bytes(POND.encode(encoding))
    with pytest.raises(ManifestError) as caught:
        package(project)
    assert (
        caught.value.message
        == f"pond.toml is {encoding[:6].upper()} text; allowed: UTF-8. Save it as UTF-8."
    )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("name", ["src/pond.py", "src/helpers.py", ".pondignore"])
def test_another_encoding_of_a_module_or_a_list_of_what_to_leave_out_is_named(
    project, encoding, name
):
    (project / name).write_bytes("x = 1\n".encode(encoding))
    with pytest.raises(PackageError) as caught:
        package(project)
    assert caught.value.message == f"{name} is {encoding[:6].upper()} text; allowed: UTF-8."
    assert caught.value.hint.startswith("Save it as UTF-8")


def test_a_null_byte_in_a_module_is_told_with_its_line(project):
    (project / "src" / "pond.py").write_bytes(b"x = 1\ny = 2\0\n")
    with pytest.raises(
        PackageError, match=r"^src/pond.py:2: found a null byte, which no Python source has\.$"
    ):
        package(project)


def test_what_python_reads_in_an_encoding_of_its_own_is_packed(project):
    (project / "src" / "pond.py").write_bytes(b"# -*- coding: latin-1 -*-\nx = '\xe9'\n")
    (project / "src" / "data.bin").write_bytes(b"\xff\xfe\0\0")
    assert "src/pond.py" in package(project).files


def test_a_byte_that_is_not_utf_8_is_told_with_its_line(project):
    (project / "pond.toml").write_bytes(POND.encode() + b"# caf\xe9\n")
    with pytest.raises(
        ManifestError, match=r"^pond.toml:4: found the byte 0xe9, which is not UTF-8"
    ):
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


@contextmanager
def without_rights(root):
    """Root reads everything: as somebody else, then, below a folder that all may enter."""
    if os.geteuid():
        yield root
        return
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        copied = Path(shutil.copytree(root, Path(folder) / root.name))
        os.seteuid(65_534)
        try:
            yield copied
        finally:
            os.seteuid(0)


@pytest.mark.parametrize("name", ["src/data.csv", "locked", "pond.toml"])
def test_what_cannot_be_read_is_named_and_not_left_out(project, name):
    (project / "src" / "data.csv").write_text("x")
    (project / "locked").mkdir()
    (project / name).chmod(0)
    with without_rights(project) as root, pytest.raises(PackageError) as caught:
        package(root)
    assert str(caught.value) == f"{name} cannot be read: Permission denied."


def test_a_name_is_escaped_once(project):
    Path(os.fsdecode(os.fsencode(project) + b"/\xff")).write_text("x")
    with pytest.raises(PackageError) as caught:
        package(project)
    assert caught.value.message.startswith("The name of '\\xff' is not")


def test_no_hint_says_to_leave_pond_toml_out(project):
    (project / "pond.toml").unlink()
    (project / "pond.toml").mkdir()
    with pytest.raises(PackageError, match=r"pond\.toml is a folder") as caught:
        package(project)
    assert ".pondignore" not in caught.value.hint
