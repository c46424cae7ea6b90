"""A project's folder as the place of tables."""

from duckstring.model.names import Line
from duckstring.puddles.storage import FolderStorage


def test_files_have_the_same_bytes_if_and_only_if_they_are_equal(tmp_path):
    storage = FolderStorage(Line("sales@1"), inputs=tmp_path, outputs=tmp_path)
    for name, content in {"a": b"one", "b": b"one", "c": b"two", "d": b"three"}.items():
        (tmp_path / name).write_bytes(content)
    same = {
        name for name in "abcd" if storage.has_same_bytes(f"{tmp_path}/a", f"{tmp_path}/{name}")
    }
    assert same == {"a", "b"}
