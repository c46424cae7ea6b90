"""What a local server that was killed has left behind does not hold up the next start."""

from __future__ import annotations

import shutil
import threading

import pytest

from duckstring_cli.local import server


@pytest.fixture
def folder(tmp_path):
    """A Catchment's folder with the leftovers of a worker."""
    left = tmp_path / "tmp" / "worker"
    left.mkdir(parents=True)
    (left / "code.py").write_text("")
    (tmp_path / "state").mkdir()
    return tmp_path


def there(folder):
    return sorted(path.name for path in folder.iterdir())


def ended():
    for thread in threading.enumerate():
        if thread.name == "leftovers":
            thread.join()


def test_workers_begin_with_an_empty_folder_and_leftovers_go(folder):
    assert server.empty_scratch(folder) == folder / "tmp"
    ended()
    assert there(folder) == ["state", "tmp"]
    assert not list((folder / "tmp").iterdir())


def test_the_start_does_not_wait_for_the_deletion(folder, monkeypatch):
    started, really, waited = threading.Event(), shutil.rmtree, []

    def after_the_start(path, **named):
        waited.append(started.wait(10))
        really(path, **named)

    monkeypatch.setattr(server.shutil, "rmtree", after_the_start)
    server.empty_scratch(folder)
    started.set()
    ended()
    assert waited == [True]
    assert there(folder) == ["state", "tmp"]


def test_what_cannot_be_deleted_yet_goes_with_the_next_start(folder, monkeypatch):
    """A child of the server before still writes there."""
    with monkeypatch.context() as patch:
        patch.setattr(server.shutil, "rmtree", lambda *_, **__: None)
        assert not list(server.empty_scratch(folder).iterdir())
        ended()
    assert len(there(folder)) == 3
    server.empty_scratch(folder)
    ended()
    assert there(folder) == ["state", "tmp"]


def test_a_first_start_has_nothing_to_delete(tmp_path):
    assert server.empty_scratch(tmp_path).is_dir()
    assert there(tmp_path) == ["tmp"]
