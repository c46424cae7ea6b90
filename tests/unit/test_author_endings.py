"""Whatever an author's code does to its own process, or raises: it is that attempt's end, once,
with its own words.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from duckstring.errors import TransientError
from duckstring.model.attempts import AttemptFinished
from duckstring.model.foreign import Redactor
from duckstring.worker.author_log import AuthorLog
from duckstring.worker.descendants import Exit
from duckstring.worker.ends import known
from duckstring.worker.self_ended import ANY_SIGNAL
from duckstring.worker.watch import Outcome
from tests.unit.worker_kit import World

HEAD = "import os, signal, sys, time\nfrom pathlib import Path\nfrom duckstring import ripple\n\n"


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def load(body, head=""):
    return (
        HEAD
        + head
        + "\n@ripple\ndef load(pond):\n"
        + "".join(f"    {line}\n" for line in body.splitlines())
    )


def ran(world, body, head="", **more):
    world.deploy(load(body, head))
    world.open_run()
    return world.run(**more)


BROKEN_STR = """
class ApiError(Exception):
    def __str__(self):
        return f"{self.code}: {self.args[0]}"
"""
BASE = "class Ended(BaseException): pass\n"
HUGE = "class Huge(Exception):\n    def __str__(self): return 'x' * 30_000_000\n"
LIAR = (
    "class Text(str):\n    def __str__(self): raise ValueError\n"
    "    def __len__(self): return -1\n    __format__ = __repr__ = __str__\n"
)
NAMELESS = (
    "class Meta(type):\n    @property\n    def __name__(cls): raise RuntimeError\n"
    "class Odd(Exception, metaclass=Meta):\n    def __repr__(self): raise ValueError\n"
    "    __str__ = __repr__\n"
)
LOOP = (
    "one, two = ValueError('one'), KeyError('two')\none.__cause__, two.__cause__ = two, one\n"
    "raise one"
)
DEEP = (
    "error = None\nfor n in range(3000):\n    new = ValueError(n)\n"
    "    new.__cause__, error = error, new\nraise error"
)
ENDLESS = (
    "error = top = ValueError('top')\n"
    "for n in range(30_000): error.__context__ = new = ValueError(n); error = new\nraise top"
)
REPLACED = "import builtins\nbuiltins.len = builtins.isinstance = builtins.sorted = None\n"
NESTED = (
    "group = ValueError(0)\nfor n in range(500): group = ExceptionGroup('more', [group, "
    "KeyError(n)])\nraise group"
)


PATCHED = (
    "import json, struct\njson.dumps = json.JSONEncoder.encode = struct.pack = None\n"
    "raise ValueError('still')"
)
NOISE = """
for n in range(3, 64):
    try: os.write(n, b'{"end": "returned"}' * 99)
    except OSError: pass
raise ValueError('noise')
"""


CLOSED = (
    "class Closed(Exception):\n    def __getattribute__(self, name): raise RuntimeError(name)\n"
)
TICKS = (
    "signal.signal(signal.SIGALRM, signal.SIG_IGN)\n"
    "signal.setitimer(signal.ITIMER_REAL, 0.05, 0.0005)\n"
)
LATE = "def late(*_): raise TimeoutError('too late')\n"


@pytest.mark.parametrize(
    ("body", "head", "error", "said"),
    [
        ("raise ApiError('quota exceeded')", BROKEN_STR, "ApiError", "quota exceeded"),
        ("raise ValueError('bad \\udcff bytes \\x00')", "", "ValueError", "bad \\xff bytes \\x00"),
        ("raise ValueError(b'\\xff')", "", "ValueError", "b'\\xff'"),
        ("raise Ended('out')", BASE, "Ended", "out"),
        ("raise GeneratorExit", "", "GeneratorExit", ""),
        ("raise Huge", HUGE, "Huge", "xxx"),
        ("raise ValueError(Text('lie'))", LIAR, "ValueError", ""),
        ("raise Odd('why')", NAMELESS, "", ""),
        (LOOP, "", "ValueError", "one"),
        (DEEP, "", "ValueError", "2999"),
        (ENDLESS, "", "ValueError", "top"),
        (REPLACED + "raise ValueError('lost')", "", "EndError", "replaced parts of Python"),
        (NESTED, "", "ExceptionGroup", "more"),
        ("def again(): again()\nagain()", "", "RecursionError", "recursion"),
        ("sys.setrecursionlimit(120)\nraise ValueError('low')", "", "ValueError", "low"),
        ("sys.settrace(lambda *_: 1 / 0)\nraise ValueError('traced')", "", "", ""),
        ("pond.con.close()\npond.write_table('t', 'SELECT 1 AS n')", "", "ConnectionException",
            "closed"),
        ("raise TransientError('I say so')", "from duckstring.errors import TransientError\n",
            "TransientError", "I say so"),
        (PATCHED, "", "ValueError", "still"),
        ("os.closerange(0, 3)\nraise ValueError('closed')", "", "ValueError", "closed"),
        ("os.closerange(0, 4096)\nraise ValueError('all closed')", "", "ValueError", "all closed"),
        (NOISE, "", "ValueError", "noise"),
        (("os.closerange(3, 99)\nheld = [open('/dev/null', 'w') for _ in range(40)]\n"
            "raise ValueError('taken')"), "", "ValueError", "taken"),
        ("sys.stdout = sys.stderr = None\nraise ValueError('no streams')", "", "ValueError",
            "no streams"),
        ("raise Closed('kept')", CLOSED, "Closed", "kept"),
        (TICKS + ("signal.signal(signal.SIGALRM, lambda *_: print('tick'))\n"
            "raise ValueError('tock' * 99_999)"), "", "ValueError", "tock"),
        (("signal.signal(signal.SIGALRM, late)\nsignal.setitimer(signal.ITIMER_REAL, .05)\n"
            "time.sleep(5)"), LATE, "TimeoutError", "too late"),
    ],
)  # fmt: skip
def test_whatever_it_raises_is_its_own_failure(world, body, head, error, said):
    answer = ran(world, body, head)
    assert answer["outcome"] == "failed", answer
    assert error in answer["failure"]["error"]
    row = world.rows[-1]
    assert (row.status, row.error) == ("failed", answer["failure"]["error"])
    assert said in row.message
    assert "\x00" not in row.message
    (row.error + row.message + row.traceback).encode()
    assert len(row.message) + len(row.traceback) < 3_000_000
    assert len([one for one in world.rows if isinstance(one, AttemptFinished)]) == 1


def test_the_authors_frames_are_told_of_an_error_without_words(world):
    ran(world, "raise ApiError('quota exceeded')", BROKEN_STR)
    assert 'File "src/pond.py", line 12, in load' in world.rows[-1].traceback
    assert world.rows[-1].message.startswith("(no message: its __str__ raised AttributeError")


@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        ("os._exit(0)", "ProcessExit", "with exit code 0"),
        ("os._exit(3)", "ProcessExit", "with exit code 3"),
        ("os.execv('/bin/sh', ['sh', '-c', 'exit 5'])", "ProcessExit", "with exit code 5"),
        ("os.abort()", "ProcessKilled", "SIGABRT"),
        ("import ctypes\nctypes.string_at(0)", "ProcessKilled", "SIGSEGV"),
        (
            "os.kill(os.getpid(), signal.SIGKILL)",
            "ProcessKilled",
            "ended its own process by SIGKILL",
        ),
        (
            "os.killpg(0, signal.SIGTERM)\ntime.sleep(9)",
            "ProcessKilled",
            "ended its own process by SIGTERM",
        ),
        (
            "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 9))\nwhile True: pass",
            "ProcessKilled",
            "SIGXCPU",
        ),
        (
            "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True: pass",
            "ProcessKilled",
            "SIGKILL",
        ),
        (
            "signal.raise_signal(signal.SIGKILL)",
            "ProcessKilled",
            "ended its own process by SIGKILL",
        ),
        (
            "signal.raise_signal(signal.SIGTERM)",
            "ProcessKilled",
            "ended its own process by SIGTERM",
        ),
        (
            "os.kill(-os.getpid(), signal.SIGKILL)",
            "ProcessKilled",
            "ended its own process by SIGKILL",
        ),
        (
            "os.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(9)",
            "ProcessKilled",
            "forked from, by SIGKILL",
        ),
        (
            "os.kill(os.getppid(), signal.SIGTERM)\ntime.sleep(9)",
            "ProcessKilled",
            "forked from, by SIGTERM",
        ),
        (
            "signal.pidfd_send_signal(os.pidfd_open(os.getpid()), signal.SIGKILL)",
            "ProcessKilled",
            "ended its own process by SIGKILL",
        ),
        (
            "import ctypes\nctypes.CDLL(None).kill(os.getpid(), 9)",
            "ProcessKilled",
            "ended its own process by SIGKILL",
        ),
        (
            "import ctypes\nctypes.CDLL(None)['raise'](15)",
            "ProcessKilled",
            "ended its own process by SIGTERM",
        ),
        (
            "import ctypes\nctypes.CDLL(None).kill(os.getppid(), 9)\ntime.sleep(9)",
            "ProcessKilled",
            "forked from, by a signal",
        ),
        (
            "import resource\nresource.prlimit(0, resource.RLIMIT_CPU, (1, 1))\nwhile True: pass",
            "ProcessKilled",
            "SIGKILL",
        ),
        (
            "import subprocess\nsubprocess.run('kill -9 $PPID', shell=True)",
            "ProcessKilled",
            "programs that it had started",
        ),
        (
            "import subprocess\nsubprocess.run('kill $PPID', shell=True)",
            "ProcessKilled",
            "programs that it had started",
        ),
        (
            (
                "import subprocess\nsubprocess.run(f'kill -9 {os.getppid()}', shell=True)\n"
                "time.sleep(9)"
            ),
            "ProcessKilled",
            "started programs",
        ),
        ("os.system(f'kill {os.getppid()}')\ntime.sleep(9)", "ProcessKilled", "started programs"),
        (
            "above = os.getppid()\nif not os.fork(): os.kill(above, 9)\ntime.sleep(9)",
            "ProcessKilled",
            "started programs",
        ),
        (
            (
                "import subprocess\nsubprocess.run(f'(sleep 0.2; kill -9 {os.getpid()}) &', "
                "shell=True)\ntime.sleep(9)"
            ),
            "ProcessKilled",
            "programs that it had started",
        ),
    ],
)
def test_an_author_who_ends_the_process_has_failed(world, body, error, said):
    answer = ran(world, body)
    assert (answer["outcome"], answer["failure"]["error"]) == ("failed", error)
    assert said in answer["failure"]["message"]
    assert world.rows[-1].status == "failed"


@pytest.mark.skipif(sys.platform != "linux", reason="it needs scheduling classes")
@pytest.mark.parametrize(
    "wait", ["program.wait()", "os.waitpid(program.pid, 0)", "os.waitid(os.P_ALL, 0, os.WEXITED)"]
)
def test_a_program_that_is_gone_before_the_process_that_it_killed_has_killed_it_nevertheless(
    world, wait
):
    # On one processor, a process of the lowest class is waked last: it takes the program's end
    # along before it dies.
    lowest = "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))"
    start = "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\nimport subprocess\n"
    program = "program = subprocess.Popen('sleep 0.3; kill -9 $PPID', shell=True)\n"
    answer = ran(world, f"{start}{program}{lowest}\n{wait}\ntime.sleep(9)")
    assert (answer["outcome"], answer["failure"]["error"]) == ("failed", "ProcessKilled")


def test_a_signal_through_what_is_no_process_is_refused_as_python_refuses_it(world):
    answer = ran(
        world, "signal.pidfd_send_signal(os.open('/dev/null', os.O_RDONLY), signal.SIGKILL)"
    )
    assert (answer["outcome"], answer["failure"]["error"]) == ("failed", "OSError")


def test_what_is_killed_for_its_memory_has_not_killed_itself_whatever_it_looked_up():
    class Full:
        def killed(self, _ended):
            return True

    outcome = Outcome(called=True, killing=ANY_SIGNAL, exit=Exit(signal.SIGKILL, 2048, left=True))
    found = known(outcome, "load", Full(), redactor=Redactor({}), around=None)
    assert (found.error, found.memory) == ("OutOfMemory", True)


def test_a_crash_of_the_interpreter_says_where(world):
    ran(world, "import ctypes\nctypes.string_at(0)")
    assert "Fatal Python error: Segmentation fault" in world.rows[-1].traceback
    assert "line 9 in load" in world.rows[-1].traceback


def test_the_last_lines_are_told_of_an_exit(world):
    ran(world, "print('it is over', file=sys.stderr)\nos._exit(3)")
    assert "it is over\n" in world.rows[-1].traceback


@contextmanager
def killed_from_outside(told, number):
    """Whoever is named in the file ``told`` gets the signal, from this process."""

    until = time.monotonic() + 60

    def kill() -> None:
        while not told.exists() or not told.read_text().endswith("\n"):
            assert time.monotonic() < until, f"nobody has written {told.name}"
            time.sleep(0.02)
        os.kill(int(told.read_text()), number)

    with ThreadPoolExecutor() as pool:
        killing = pool.submit(kill)
        yield
        killing.result()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_is_killed_from_outside_is_lost_and_not_failed(world, tmp_path, number):
    told = tmp_path / "pid"
    programs = (
        "import subprocess\nsubprocess.run('true')\nlate = subprocess.Popen('true')\n"
        "time.sleep(0.1)\nlate.wait()\n"
    )
    world.deploy(
        load(f"{programs}open({str(told)!r}, 'w').write(f'{{os.getpid()}}\\n')\ntime.sleep(600)")
    )
    world.open_run()
    with (
        killed_from_outside(told, number),
        pytest.raises(TransientError, match=f"ended from outside, by {number.name}"),
    ):
        world.run()


def test_a_fork_server_that_is_killed_costs_the_attempt_and_no_more(world, tmp_path):
    told = tmp_path / "above"
    world.deploy(load(f"open({str(told)!r}, 'w').write(f'{{os.getppid()}}\\n')\ntime.sleep(600)"))
    world.open_run()
    with (
        killed_from_outside(told, signal.SIGKILL),
        pytest.raises(TransientError, match="forked from ended"),
    ):
        world.run()
    world.deploy(load("pond.write_table('t', 'SELECT 1 AS n')"))
    world.open_run(2)
    assert world.run(number=2) == {"outcome": "ok"}


def test_a_fork_server_that_is_stopped_holds_nobody_up(world, monkeypatch):
    monkeypatch.setattr("duckstring.worker.watch.PATIENCE", 0.5)
    world.deploy(load("os.kill(os.getppid(), signal.SIGSTOP)\ntime.sleep(600)"))
    world.open_run()
    assert world.run(seconds=4.0)["outcome"] == "overran"
    world.deploy(load("pond.write_table('t', 'SELECT 1 AS n')"))
    world.open_run(2)
    assert world.run(number=2) == {"outcome": "ok"}


def test_a_success_stands_whatever_is_left_behind(world):
    body = (
        "import atexit, threading\natexit.register(time.sleep, 600)\n"
        "threading.Thread(target=time.sleep, args=[600]).start()\n"
        "pond.write_table('t', 'SELECT 1 AS n')\npond.con.close()\nos.closerange(0, 4096)\n"
        "sys.setrecursionlimit(120)"
    )
    assert ran(world, body) == {"outcome": "ok"}
    assert world.rows_of("t") == [(1,)]


RETURNED = """
class Endless:
    def __str__(self): time.sleep(600)
"""


@pytest.mark.parametrize(
    "value",
    [
        "'x' * 70_000_000",
        (
            "pond.con.sql('SELECT count(*) AS n FROM range(1000000) a, range(1000000) b WHERE "
            "a.range <> b.range')"
        ),
        "Endless()",
    ],
)
def test_what_a_ripple_returns_is_not_looked_at(world, value):
    assert ran(world, f"pond.write_table('t', 'SELECT 1 AS n')\nreturn {value}", RETURNED) == {
        "outcome": "ok"
    }
    assert world.rows_of("t") == [(1,)]


def test_a_line_of_any_length_is_logged_in_parts(world, caplog):
    with caplog.at_level(logging.INFO):
        assert ran(world, "print('x' * 250_000, end='')\nprint('y')") == {"outcome": "ok"}
    assert [len(one.getMessage()) for one in caplog.records if "x" in one.getMessage()][-3:] == [
        100_000,
        100_000,
        50_001,
    ]


def test_a_fork_server_that_was_stopped_ends_what_it_should_and_forks_again(world):
    world.deploy(load("os.kill(os.getppid(), signal.SIGSTOP)\ntime.sleep(600)"), timeout=1)
    world.open_run()
    assert world.run()["outcome"] == "timeout"
    world.deploy(load("pond.write_table('t', 'SELECT 1 AS n')"))
    world.open_run(2)
    assert world.run(number=2) == {"outcome": "ok"}


def test_a_fork_server_that_is_stopped_for_good_is_replaced(world, monkeypatch):
    monkeypatch.setattr("duckstring.worker.watch.PATIENCE", 1.0)
    stopping = (
        "if not os.fork():\n    while True: os.kill(stopped, signal.SIGSTOP)\ntime.sleep(600)"
    )
    world.deploy(load("stopped = os.getppid()\n" + stopping), timeout=1)
    world.open_run()
    assert world.run()["outcome"] == "timeout"
    world.deploy(load("pond.write_table('t', 'SELECT 1 AS n')"))
    world.open_run(2)
    assert world.run(number=2) == {"outcome": "ok"}


STATE = """
import decimal, locale, resource, socket, warnings, logging.config
decimal.getcontext().prec = 4
socket.setdefaulttimeout(0.01)
warnings.filterwarnings("error", "left behind")
os.umask(0o777)
os.environ["TZ"] = "Asia/Tokyo"
time.tzset()
os.chdir("/")
signal.signal(signal.SIGALRM, signal.SIG_IGN)
sys.setrecursionlimit(300)
resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
logging.config.dictConfig({"version": 1, "root": {"level": "ERROR", "handlers": []}})
sys.path.insert(0, "/nowhere")
sys.modules["json"] = None
pond.log.info("still heard")
"""
SEEN = """
import decimal, json, socket, warnings
umask = os.umask(0o022)
seen = [decimal.Decimal("12345.67") + decimal.Decimal("0.01"), socket.getdefaulttimeout(), umask]
seen += [time.strftime("%Z"), os.getcwd(), sys.getrecursionlimit(), "/nowhere" in sys.path]
seen += [os.environ.get("TZ"), signal.getsignal(signal.SIGALRM)]
seen.append("left behind" in str(warnings.filters))
print(json.dumps([str(one) for one in seen]))
"""


def test_what_one_attempt_does_to_its_process_no_other_sees(world, caplog):
    seen = []
    for number, body in enumerate((SEEN, STATE, SEEN), 1):
        world.deploy(load(body))
        world.open_run(number)
        with caplog.at_level(logging.INFO):
            assert world.run(number=number) == {"outcome": "ok"}
        seen.append(
            [one.getMessage() for one in caplog.records if one.getMessage().startswith("[")]
        )
    assert seen[0] == seen[1]
    assert len(seen[2]) == 2
    assert len(set(seen[2])) == 1
    assert "still heard" in caplog.text
    assert os.umask(0o022) == 0o022


def test_what_children_and_c_code_print_is_in_the_log_and_is_not_taken_for_ours(world, caplog):
    body = (
        "import ctypes, subprocess\nsubprocess.run(['echo', 'from a child'])\n"
        "os.write(2, b'raw \\xff\\n')\n"
        "ctypes.CDLL(None).puts(b'from C')\nctypes.CDLL(None).fflush(None)\n"
        "sys.stdout.buffer.write(b'buffered\\n')\n"
        "subprocess.run(['echo', 'by the stream'], stdout=sys.stdout)\n"
        "pond.log.info('mine', extra={'outcome': 'ok', 'run': 'other@1/3', 'rows_read': 7})\n"
        "print('no end', end='')"
    )
    with caplog.at_level(logging.INFO):
        assert ran(world, body) == {"outcome": "ok"}
    found = {one.getMessage(): one for one in caplog.records}
    assert {
        "from a child",
        "raw \\xff",
        "from C",
        "buffered",
        "by the stream",
        "mine",
        "no end",
    } <= found.keys()
    assert (found["from C"].stream, found["raw \\xff"].stream) == ("stdout", "stderr")
    assert (found["mine"].rows_read, found["mine"].outcome_, hasattr(found["mine"], "outcome")) == (
        7,
        "ok",
        False,
    )


def test_lines_that_are_printed_and_logged_have_the_times_of_their_order(world, caplog):
    turns = (
        "for n in range(20):\n    print('printed', n)\n    pond.log.info('logged %s', n)\n"
        "    sys.stderr.write(f'noted {n}\\n')"
    )
    with caplog.at_level(logging.INFO):
        assert ran(world, turns) == {"outcome": "ok"}
    mine = sorted(
        (one for one in caplog.records if one.name == "duckstring.pond"),
        key=lambda one: one.created,
    )
    assert [one.getMessage() for one in mine] == [
        f"{how} {n}" for n in range(20) for how in ("printed", "logged", "noted")
    ]


@pytest.mark.parametrize("at", [float("nan"), float("inf"), -1.0, 1e18])
def test_a_time_that_is_none_leaves_the_workers(caplog, at):
    with caplog.at_level(logging.INFO):
        AuthorLog(Redactor()).line("one", "stdout", at)
        AuthorLog(Redactor()).record({"level": 20, "message": "two", "created": at})
    assert all(0 <= time.time() - one.created < 60 for one in caplog.records)


FILLED = """
import textwrap
token = pond.env("TOKEN")
print(textwrap.fill(token, 7))
print("| " + token[:9] + " |\\n| " + token[9:] + " |")
print(token[:9], end="", flush=True); print(token[9:])
os.write(2, token[:9].encode()); os.write(2, token[9:].encode() + b"\\n")
os.write(2, token[:9].encode() + b"\\n" + token[9:].encode() + b"\\n")
print("x" * 99_990 + token)
os.write(1, b"y" * 99_990 + token.encode() + b"\\n")
pond.log.info("z" * 99_990 + token, extra={"more": ["w" * 99_990 + token]})
raise ValueError("v" * 999_990 + token)
"""


def test_a_secret_across_the_ends_of_lines_writes_and_cuts_is_masked(world, caplog):
    world.secret = {"TOKEN": "sesame-open-9f8e7d"}
    with caplog.at_level(logging.INFO):
        answer = ran(world, FILLED)
    told = str([vars(one) for one in caplog.records]) + str(world.rows) + str(answer)
    assert "sesame" not in told
    assert "open-9f" not in told
    assert told.count("***TOKEN***") >= 8


WORDS = """
import pprint, textwrap
phrase = pond.env("PHRASE")
for width in (18, 24):
    print(textwrap.fill(f"the login with {phrase} has failed", width))
    lines = textwrap.wrap(f"the login with {phrase} has failed", width)
    print("\\n".join(f"│ {line:<{width}} │" for line in lines))
    print(pprint.pformat(f"the login with {phrase} has failed", width=width))
pond.log.info(textwrap.fill(f"the login with {phrase} has failed", 18))
raise ValueError(textwrap.fill(f"the login with {phrase} has failed", 18))
"""


def test_a_phrase_that_is_filled_over_lines_is_masked(world, caplog):
    world.secret = {"PHRASE": "correct horse battery staple"}
    with caplog.at_level(logging.INFO):
        answer = ran(world, WORDS)
    told = str([vars(one) for one in caplog.records]) + str(world.rows) + str(answer)
    assert not any(word in told for word in ("correct", "horse", "battery", "staple"))
    assert told.count("***PHRASE***") >= 8


ODD_FIELDS = """
class Dict(dict):
    def items(self): raise SystemExit("no")
class List(list):
    def __iter__(self): raise ValueError("no")
class Shy(Exception):
    def __str__(self): raise ValueError("no")
odd = [10 ** 5000, -(10 ** 5000), Dict(a=1), List([1]), float("nan"), Shy()]
odd += [48151623424, 48151623424.0]
for number, value in enumerate(odd):
    pond.log.info(f"line {number}", extra={"it": value, "in": {"it": [value]}})
pond.log.error("line 8", exc_info=Shy())
"""


def test_the_line_of_a_record_is_written_whatever_its_fields_are(world, caplog):
    world.secret = {"PIN": "48151623424"}
    with caplog.at_level(logging.INFO):
        ran(world, ODD_FIELDS)
    found = {one.getMessage(): one for one in caplog.records}
    assert [f"line {number}" for number in range(9)] == [
        name for name in found if name.startswith("line ")
    ]
    assert found["line 0"].it == "<an integer of 16,610 bits>"
    assert (found["line 2"].it, found["line 3"].it, found["line 4"].it) == ({"a": 1}, [1], "NaN")
    assert "48151623424" not in str([vars(one) for one in caplog.records])


def test_what_was_flushed_without_an_end_is_logged(world, caplog):
    body = (
        "for n in range(3): print(f'\\r{n} %', end='', flush=True)\n"
        "print('waiting ', end='', flush=True)\n"
        "subprocess.run(['sleep', '1.5'])\nprint('over', end='', flush=True)\nos._exit(3)"
    )
    with caplog.at_level(logging.INFO):
        ran(world, body, "import subprocess\n")
    said = [one.getMessage().strip() for one in caplog.records if getattr(one, "stream", "")]
    assert said == ["0 %", "1 %", "2 %waiting", "over"]


@pytest.mark.parametrize(
    "take",
    [
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))",
        (
            "try:\n    while True: held.append(os.open('/dev/null', os.O_RDONLY))\n"
            "except OSError: pass"
        ),
    ],
)
@pytest.mark.parametrize(
    "use", ["pond.write_table('u', 'SELECT 1 AS n')", "pond.con.sql('FROM one').fetchall()"]
)
def test_an_author_who_leaves_no_descriptors_has_failed(world, take, use):
    world.deploy(load("pond.write_table('one', 'SELECT 1 AS n')"))
    world.open_run()
    assert world.run() == {"outcome": "ok"}
    world.accept()
    world.publish()
    world.deploy(load(f"held = []\npond.con\n{take}\n{use}", "import resource\n"))
    world.open_run(2)
    assert world.run(number=2)["outcome"] == "failed"
    assert "no file descriptors left" in world.rows[-1].traceback


@pytest.mark.parametrize(
    "how",
    [
        "os.kill(os.getpid(), signal.SIGSEGV)",
        "ctypes.string_at(0)",
        "[0].sort(key=lambda _: os.abort())",
    ],
)
def test_a_crash_is_told_by_the_authors_frames_and_not_by_those_that_called_them(world, how):
    answer = ran(world, f"import ctypes\n{how}")
    assert answer["outcome"] == "failed"
    trace = world.rows[-1].traceback
    assert 'File "src/pond.py", line' in trace
    assert "duckstring/service" not in trace
    assert str(world.root) not in trace
    assert "duckstring-pond" not in trace


def test_secrets_are_masked_in_lines_and_ends(world, caplog):
    world.secret = {"TOKEN": "sesame-open-9f8e7d"}
    with caplog.at_level(logging.INFO):
        answer = ran(
            world,
            (
                "print(pond.env('TOKEN'))\npond.log.info('t', extra={'a': [pond.env('TOKEN')]})\n"
                "raise ValueError(pond.env('TOKEN'))"
            ),
        )
    assert answer["failure"]["message"] == "***TOKEN***"
    assert "sesame" not in str([vars(one) for one in caplog.records]) + str(world.rows) + str(
        answer
    )


def test_the_process_has_neither_its_parents_descriptors_nor_its_right_to_answer(
    world, monkeypatch
):
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
    read, write = os.pipe()
    body = (
        "assert 'AWS_LAMBDA_RUNTIME_API' not in os.environ\n"
        f"for number in ({read}, {write}):\n"
        f"    try: found = os.readlink(f'/proc/self/fd/{{number}}')\n"
        "    except OSError: continue\n"
        "    assert not found.startswith('pipe'), found"
    )
    assert ran(world, body) == {"outcome": "ok"}


@pytest.mark.parametrize("how", ["spawn", "fork", "forkserver"])
def test_multiprocessing_works(world, how):
    body = (
        f"from multiprocessing import get_context\nwith get_context({how!r}).Pool(2) as pool:\n"
        "    pond.write_table('t', f'SELECT {sum(pool.map(abs, [-1, -2]))} AS n')"
    )
    assert ran(world, body) == {"outcome": "ok"}
    assert world.rows_of("t") == [(3,)]


CHANGES = """
file = Path(__file__).parent / "other.py"
held = file.stat()
file.write_text("VALUE = 2")
os.utime(file, ns=(held.st_atime_ns, held.st_mtime_ns))
"""


@pytest.mark.parametrize("change", [CHANGES, "os.symlink('/', Path(__file__).parent / 'linked')"])
def test_a_package_that_an_attempt_has_changed_is_unpacked_anew(world, change):
    body = (
        "folder = Path(__file__).parent\n"
        "assert 'VALUE = 1' in (folder / 'other.py').read_text()\n"
        "assert not (folder / 'linked').exists()\n"
    )
    world.deploy(load(body + change.strip()), files={"src/other.py": "VALUE = 1"})
    for number in (1, 2):
        world.open_run(number)
        assert world.run(number=number) == {"outcome": "ok"}
