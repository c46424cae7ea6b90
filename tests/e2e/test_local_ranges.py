"""A range of an object in the emulator, in the emulator's own interpreter."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import duckstring_cli
from duckstring_cli.local.tools import ensure_tools

SIZE = 8_000_000
SCRIPT = """
import hashlib, json, os, sys, types

os.environ.update(S3_PERSIST="1", S3_DATA_DIR=sys.argv[2])
for name in ("duckstring_cli", "duckstring_cli.local"):
    package = types.ModuleType(name)
    package.__path__ = [sys.argv[1] + name.removeprefix("duckstring_cli").replace(".", "/")]
    sys.modules[name] = package

from duckstring_cli.local.patches.ranges import read_ranges
from ministack.services import s3

read_ranges()
s3._create_bucket("lake", b"", {})
whole = hashlib.shake_256(b"1").digest(int(sys.argv[3]))

def put(key, body):
    assert s3._dispatch("PUT", "lake", key, {}, body, {})[0] == 200

def get(key, wanted=""):
    before = read()
    status, _, body = s3._dispatch("GET", "lake", key, {"range": wanted} if wanted else {}, b"", {})
    return status, body, read() - before

def read():
    with open("/proc/self/io") as io:
        return int(io.readline().split()[1])

put("t", whole)
put("empty", b"")
said = {}
for wanted in ("bytes=10-19", "bytes=-8", f"bytes={len(whole) - 5}-", "bytes=0-4194303"):
    status, body, cost = get("t", wanted)
    first, last = s3._parse_range(wanted, len(whole))
    is_right = type(body) is bytes and body == whole[first:last + 1]
    said[wanted] = (status, is_right, cost < 100_000)
said["beyond"] = get("t", f"bytes={len(whole)}-")[0]
said["empty"] = get("empty", "bytes=0-0")[0]
said["all"] = get("t")[1] == whole
put("t", b"other" * 1000)
said["overwritten"] = get("t", "bytes=5-9")[1].decode()
os.remove(s3._object_disk_path("lake", "t"))
said["lost"] = get("t", "bytes=0-4")[1].decode()
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    python = ensure_tools(lambda _step: None).emulator_python
    source = str(Path(duckstring_cli.__file__).parent)
    folder = tmp_path_factory.mktemp("s3")
    done = subprocess.run(
        [str(python), "-c", SCRIPT, source, str(folder), str(SIZE)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "wanted", ["bytes=10-19", "bytes=-8", f"bytes={SIZE - 5}-", "bytes=0-4194303"]
)
def test_a_range_is_what_was_asked_for_and_the_file_is_not_read_for_it(said, wanted):
    assert said[wanted] == [206, True, True]


def test_what_is_no_range_is_answered_as_before(said):
    assert (said["beyond"], said["empty"], said["all"]) == (416, 416, True)


def test_a_range_of_an_object_that_was_written_again_is_of_the_new_one(said):
    assert said["overwritten"] == "other"
    assert said["lost"] == ""
