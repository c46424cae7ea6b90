"""Discovery: a package is imported in a process of its own."""

import io
import os
import subprocess
import sys
import zipfile
from hashlib import sha256

import pytest

from duckstring.worker.discover import Module, clean_environment, discover

HEAD = "from duckstring import ripple\n"


def found(source, *, variables=None, seconds=30.0, path="src/pond.py", files=None):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in {"src/pond.py": source, **(files or {})}.items():
            archive.writestr(name, text)
    package = buffer.getvalue()
    return discover(
        Module(package, sha256(package).hexdigest(), path),
        variables=variables or {},
        seconds=seconds,
    )


def test_ripples_come_in_topological_order_with_their_hints():
    source = HEAD + (
        "import steps\n"
        "@ripple(parents=['a', steps.c], timeout='1h30m', memory='4GB', always_run=True, "
        "on_kill=print, retry_delay='30s', retry_on=(OSError, 'requests.Timeout'))\n"
        "def b(pond): pass\n"
        "@ripple\ndef a(pond): print('loud')\n"
    )
    answer = found(source, files={"src/steps.py": HEAD + "@ripple\ndef c(): pass\n"})
    plain = {
        "always_run": False,
        "timeout_seconds": None,
        "memory_mib": None,
        "on_kill": False,
        "pauses": False,
        "checks": [],
        "uses": [],
        "retry_delay_seconds": 0,
        "retry_on": [],
    }
    assert answer == {
        "ok": True,
        "ripples": [
            {"name": "c", "parents": [], **plain},
            {"name": "a", "parents": [], **plain},
            {
                "name": "b",
                "parents": ["a", "c"],
                "always_run": True,
                "timeout_seconds": 5400,
                "memory_mib": 4096,
                "on_kill": True,
                "pauses": False,
                "checks": [],
                "uses": [],
                "retry_delay_seconds": 30,
                "retry_on": ["builtins.OSError", "requests.Timeout"],
            },
        ],
    }


def test_a_proxy_is_known_to_wait_by_pausing():
    source = HEAD + (
        "from duckstring.external import Env, HttpJob\n"
        "job = HttpJob(Env('ENGINE'), start='/runs', status='/runs/{id}')\n"
        "@ripple(timeout='6h')\ndef run(pond):\n    run = job.run(pond)\n"
        "@ripple(timeout='6h', parents=[run])\ndef compute(pond): pass\n"
    )
    assert {one["name"]: one["pauses"] for one in found(source)["ripples"]} == {
        "run": True,
        "compute": False,
    }


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "src/pond.py declares no Ripple."),
        (
            "for n in range(301):\n    ripple(name=f'r{n}')(lambda: None)",
            "src/pond.py declares 301 Ripples; allowed: 300.",
        ),
        (
            "@ripple(parents=['lod'])\ndef b(p): pass\n@ripple\ndef load(p): pass",
            "'lod' is not a Ripple of this Pond; did you mean 'load'?",
        ),
        (
            (
                "@ripple(parents=['c'])\ndef a(p): pass\n@ripple(parents=['a'])\ndef b(p): pass\n"
                "@ripple(parents=['b'])\ndef c(p): pass"
            ),
            "a -> b -> c -> a",
        ),
        ("@ripple(parents=['a'])\ndef a(p): pass", "a -> a"),
        ("@ripple\ndef a(p): pass\n@ripple(name='a')\ndef b(p): pass", "2 Ripples are called 'a'"),
        ("@ripple\ndef Load(p): pass", "cannot be called 'Load'"),
        ("@ripple(timeout='2 hours')\ndef a(p): pass", "timeout='2 hours'"),
        ("@ripple(timeout='30d')\ndef a(p): pass", "of at most 29d"),
        ("@ripple(memory='4')\ndef a(p): pass", "memory='4'"),
        ("@ripple\nasync def a(p): pass", "is async"),
        ("@ripple\ndef a(p, q): pass", "takes 2 arguments (p, q)"),
        (
            "def f(p): pass\n@ripple(parents=[f])\ndef a(p): pass",
            "its parent 'f' is not a Ripple",
        ),
        (
            "@ripple(timout='2h')\ndef a(p): pass",
            "src/pond.py:2: Ripple 'a': unknown argument timout=; did you mean timeout?",
        ),
        ("@ripple(always_run='no')\ndef a(p): pass", "always_run='no'; allowed: True or False."),
        ("@ripple\nclass Load: pass", "src/pond.py:2: @ripple stands above"),
        ("ripple(7)", "src/pond.py:2: @ripple(7): an argument has no name; allowed: parents,"),
    ],
)
def test_what_cannot_run_is_refused_in_one_line(body, said):
    answer = found(HEAD + body + "\n")
    assert not answer["ok"]
    error = answer["error"]
    assert error["type"] == "RippleError"
    assert said in error["message"]
    assert "\n" not in error["message"]
    assert error["hint"]


def test_every_fault_of_all_declarations_is_named_at_once_each_with_its_line():
    source = HEAD + (
        "import steps\n"
        "@ripple(timeout='soon', memory='lots', parents=['nobody'])\ndef Load(pond): pass\n"
        "@ripple(parents=[Load])\nasync def clean(pond): pass\n"
        "@ripple\ndef fine(pond): pass\n"
    )
    error = found(source, files={"src/steps.py": HEAD + "@ripple(name='UP')\ndef up(): pass\n"})[
        "error"
    ]
    lines = error["message"].splitlines()
    assert [line.partition(" ")[0] for line in lines] == [
        "src/steps.py:2:",
        *["src/pond.py:3:"] * 3,
        "src/pond.py:5:",
        "Ripple",
    ]
    said = [
        "called 'UP'",
        "called 'Load'",
        "timeout='soon'",
        "memory='lots'",
        "'clean' is async",
        "its parent 'nobody'",
    ]
    assert all(word in line for word, line in zip(said, lines, strict=True))
    assert (error["type"], error["traceback"]) == ("RippleError", "")


def test_no_message_names_a_folder_that_the_author_does_not_have():
    source = "import helper\n"
    for text in (
        "from duckstring import nothing_such\n",
        "from pond import nothing_such\n",
        HEAD + "ripple(7)(8)\n",
    ):
        error = found(source, files={"src/helper.py": text})["error"]
        assert "/tmp" not in error["message"] + error["traceback"]
        assert "site-packages" not in error["message"] + error["traceback"]
        assert "/layers/" not in error["message"] + error["traceback"]


def test_an_exception_at_import_comes_back_with_the_authors_traceback():
    error = found("x = 1\nraise ValueError('not here')\n")["error"]
    assert error["type"] == "ValueError"
    assert error["message"] == "Importing src/pond.py raised ValueError: not here"
    assert error["traceback"].startswith(
        'Traceback (most recent call last):\n  File "src/pond.py", line 2'
    )


def test_a_missing_variable_says_how_to_set_it():
    error = found("import os\nos.environ['DATABRICKS_HOST']\n")["error"]
    assert error["hint"].startswith("Set it: duckstring env set DATABRICKS_HOST VALUE --pond POND;")


def test_a_missing_package_says_where_to_add_it():
    assert "requirements.txt" in found("import no_such_thing\n")["error"]["hint"]


def test_the_child_has_the_catchments_variables_and_no_credentials():
    host = {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SESSION_TOKEN": "x",
        "AWS_REGION": "eu-west-1",
        "DUCKSTRING_TABLE": "t",
        "PATH": "/bin",
        "HOST": "h",
    }
    clean = clean_environment(host, {"TOKEN": "s", "AWS_SECRET_ACCESS_KEY": "x"})
    assert clean == {"AWS_REGION": "eu-west-1", "PATH": "/bin", "HOST": "h", "TOKEN": "s"}
    source = HEAD + (
        "import os\nassert os.environ['TOKEN'] == 's' and not [k for k in os.environ if "
        "k.startswith('AWS_A')]\n@ripple\ndef a(): pass\n"
    )
    assert found(source, variables=clean)["ok"]


def test_an_import_that_does_not_end_is_ended():
    error = found("import time\ntime.sleep(600)\n", seconds=1.0)["error"]
    assert error["message"] == "src/pond.py was not imported within 1 s."


def test_an_import_that_kills_its_process_is_told():
    error = found("import os\nprint('goodbye', flush=True)\nos._exit(3)\n")["error"]
    assert "exit code 3" in error["message"]
    assert "goodbye" in error["message"]


def test_an_import_that_exits_is_told():
    assert (
        found("raise SystemExit('no')\n")["error"]["message"]
        == "Importing src/pond.py raised SystemExit: no"
    )


def test_an_import_that_eats_memory_is_ended():
    error = found("x = bytearray(6 * 1024**3)\n")["error"]
    assert error["type"] == "MemoryError"


def test_heavy_libraries_can_be_imported():
    assert found(
        HEAD
        + "import duckdb, pandas, polars, pyarrow\nduckdb.sql('SELECT 1')\n@ripple\ndef a(): pass\n"
    )["ok"]


def test_a_missing_module_is_told():
    assert "has no src/other.py" in found("", path="src/other.py")["error"]["message"]


def test_a_package_that_changed_on_its_way_is_refused():
    answer = discover(Module(b"zip", "0" * 64, "src/pond.py"), variables={})
    assert "checksum" in answer["error"]["message"]


AS_NOBODY = """
import ctypes, os, sys
from duckstring.worker.descendants import close_to_others
os.setgid(65534), os.setuid(65534)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # as any process is that did not change its user
if sys.argv[1] == "closed":
    close_to_others()
if os.fork() == 0:
    try:
        print("sesame" in open(f"/proc/{os.getppid()}/environ").read(), flush=True)
    except PermissionError:
        print("refused", flush=True)
    os._exit(0)
os.wait()
"""


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0,
    reason="another user's process is Linux's, and root's, to make",
)
@pytest.mark.parametrize(("door", "found"), [("open", "True"), ("closed", "refused")])
def test_the_code_that_is_imported_cannot_read_the_credentials_of_the_process_above_it(
    tmp_path, door, found
):
    libraries = os.pathsep.join(path for path in sys.path if path)
    environment = {
        "AWS_SECRET_ACCESS_KEY": "sesame",
        "PYTHONPATH": libraries,
        "PATH": os.environ["PATH"],
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    ran = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, door],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stdout.strip(), ran.stderr) == (found, "")


DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open(os.environ["LEFT"], "w").write(str(os.getpid()))
        os.closerange(0, 3)
        time.sleep(600)
    os._exit(0)
while not os.path.exists(os.environ["LEFT"]) or not open(os.environ["LEFT"]).read():
    time.sleep(0.01)
from duckstring import ripple
@ripple
def load(pond): pass
"""

IMPORTING = """
import hashlib, os, sys
from duckstring.worker.descendants import adopt
from duckstring.worker.discover import Module, discover
adopt()
package = open(sys.argv[1], "rb").read()
module = Module(package, hashlib.sha256(package).hexdigest(), "src/pond.py")
answer = discover(module, variables={"LEFT": sys.argv[2]})
try:
    os.kill(int(open(sys.argv[2]).read()), 0)
    print("lives", answer)
except ProcessLookupError:
    print("gone", answer["ok"])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere an orphan is nobody's child")
def test_a_process_that_left_the_imports_group_ends_with_it(tmp_path):
    with zipfile.ZipFile(tmp_path / "package.zip", "w") as archive:
        archive.writestr("src/pond.py", DAEMON)
    words = [sys.executable, "-c", IMPORTING, str(tmp_path / "package.zip"), str(tmp_path / "left")]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (ran.stdout.strip(), ran.stderr) == ("gone True", "")
