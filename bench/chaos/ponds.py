"""The Ponds of one lane: an Inlet that wraps an external run, a Pond with a join, an Outlet with a
standing trigger.

Each Ripple writes down what it does in a file that nobody can take back, and misbehaves where a
file tells it to.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

RIPPLES = {"in": ("ask", "load"), "mid": ("left", "right", "join"), "out": ("report",)}
"""By the last part of the Pond's name. Each writes one table of its own name."""

_HEAD = '''
import json, os, signal, sys, time, urllib.request
from pathlib import Path

from duckstring import ripple

CHAOS = Path(os.environ["CHAOS"])


def note(pond, word, **more):
    """One line of the ledger: what this process really did."""
    around = pond._around
    row = {
        "at": time.time(),
        "line": str(around.line),
        "run": around.run,
        "ripple": around.ripple,
        "attempt": around.attempt,
        "pauses": around.pauses,
        "f": pond.f.isoformat(),
        "pid": os.getpid(),
        "word": word,
        **more,
    }
    text = json.dumps(row).encode() + b"\\n"
    with open(CHAOS / "ledger" / pond.name, "ab", buffering=0) as ledger:
        ledger.write(text)


def family():
    """The processes of this attempt: the one that runs the Ripple, and those above it; not what
    all workers come from.
    """
    found, pid = [], os.getpid()
    while pid > 1 and not any(
        word in _command(pid) for word in (b"local/template.py", b"local/serve.py")
    ):
        found.append(pid)
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return found


def _command(pid):
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def is_task():
    """Whether the outermost of them is a task's supervisor, rather than a function's worker."""
    above = family()
    return bool(above) and b"functions.ripple.task\\0" in _command(above[-1])


def told(pond, when):
    """What this Ripple is to do now, once for each file. What is meant for a task is not for a
    function.
    """
    for path in sorted((CHAOS / "orders").glob(f"{pond.name}.{pond._around.ripple}.{when}.*")):
        try:
            order = json.loads(path.read_text())
            if order.get("where") == "task" and not is_task():
                continue
            path.rename(CHAOS / "taken" / path.name)
        except FileNotFoundError:
            continue
        return order
    return None


class attempt:
    def __init__(self, pond):
        self.pond = pond

    def __enter__(self):
        note(self.pond, "begin")
        self.checked("begin")
        return self

    def __exit__(self, kind, error, trace):
        if error is None:
            self.checked("written")
            note(self.pond, "end")
        else:
            note(self.pond, "raised", error=kind.__name__, message=str(error))
        note(self.pond, "left")

    def checked(self, when):
        try:
            self.misbehave(when)
        except BaseException as error:
            note(self.pond, "raised", error=type(error).__name__, message=str(error))
            note(self.pond, "left")
            raise

    def misbehave(self, when):
        order = told(self.pond, when)
        if order:
            note(self.pond, "fault", fault=order["do"], family=family())
            MISDEEDS[order["do"]](self.pond, order)


def raises(pond, order):
    raise RuntimeError(order["text"])


def spins(pond, order):
    """Swallows what it can, as bad code does."""
    until = time.monotonic() + order["seconds"]
    while time.monotonic() < until:
        try:
            time.sleep(0.05)
        except Exception:
            pass


def queries(pond, order):
    pond.con.sql(
        "SELECT count(*) FROM range(20000000000) a, range(1000) b WHERE a.range * b.range = 7"
    ).fetchall()


def starves(pond, order):
    con = pond.con.cursor()
    con.execute("SET memory_limit = '8MB'; SET max_temp_directory_size = '0MB'")
    con.execute(
        "CREATE TEMP TABLE big AS "
        "SELECT range AS n, hash(range) AS h, md5(range::VARCHAR) AS t FROM range(3000000)"
    ).fetchall()


def runs_out(pond, order):
    raise MemoryError("no room for 4 more elephants")


MISDEEDS = {
    "raise": raises,
    "sys_exit": lambda pond, order: sys.exit(order.get("code", 3)),
    "os_exit": lambda pond, order: os._exit(3),
    "sigkill": lambda pond, order: os.kill(os.getpid(), signal.SIGKILL),
    "sigsegv": lambda pond, order: os.kill(os.getpid(), signal.SIGSEGV),
    "sleep": lambda pond, order: time.sleep(order["seconds"]),
    "spin": spins,
    "query": queries,
    "memory_error": runs_out,
    "duckdb_memory": starves,
}


def row(pond, more=""):
    around = pond._around
    return (
        f"SELECT '{pond.f.isoformat()}' AS f, {around.run} AS run, '{around.ripple}' AS ripple, "
        f"{around.attempt} AS attempt" + (", " + more if more else "")
    )


def call(method, path, values=None):
    request = urllib.request.Request(
        os.environ["DATABRICKS_HOST"] + path,
        method=method,
        data=json.dumps(values).encode() if values is not None else None,
        headers={"Authorization": "Bearer " + os.environ["DATABRICKS_TOKEN"]},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())
'''

_INLET = """
@ripple
def ask(pond):
    with attempt(pond):
        external = pond.recall("external")
        if external is None:
            note(pond, "asks", token=pond.run_key)
            asked = {"job_id": JOB, "idempotency_token": pond.run_key}
            external = call("POST", "/api/2.1/jobs/run-now", asked)["run_id"]
            pond.remember("external", external)
        while True:
            found = call("GET", f"/api/2.1/jobs/runs/get?run_id={external}")
            if found["state"]["life_cycle_state"] == "TERMINATED":
                break
            if pond._around.run % 3 == 0:
                pond.pause("1s")
            time.sleep(0.1)
        if found["state"]["result_state"] != "SUCCESS":
            raise RuntimeError(found["state"]["state_message"])
        pond.write_table("ask", row(pond, f"{external} AS external"))


@ripple(parents=[ask])
def load(pond):
    with attempt(pond):
        pond.write_table("load", row(pond, "(SELECT min(f) FROM ask) AS seen"))
"""

_POND = """
@ripple
def left(pond):
    with attempt(pond):
        pond.write_table("left", row(pond, "(SELECT min(f) FROM {inlet}.load) AS seen"))


@ripple
def right(pond):
    with attempt(pond):
        pond.write_table("right", row(pond, "(SELECT min(f) FROM {inlet}.ask) AS seen"))


@ripple(parents=[left, right])
def join(pond):
    with attempt(pond):
        pond.write_table(
            "join",
            row(pond, 'least((SELECT min(f) FROM "left"), (SELECT min(f) FROM "right")) AS seen'),
        )
"""

_OUTLET = """
@ripple
def report(pond):
    with attempt(pond):
        pond.write_table("report", row(pond, '(SELECT min(f) FROM {pond}."join") AS seen'))
"""


def names(lane: str) -> tuple[str, str, str]:
    """A lane's Ponds, Sources first."""
    return f"{lane}_in", f"{lane}_mid", f"{lane}_out"


def write(folder: Path, lane: str, *, job: int) -> None:
    """A lane's projects, in ``folder``."""
    inlet, pond, outlet = names(lane)
    _project(folder / inlet, 'type = "inlet"\nimmediate_retries = 1\n', f"JOB = {job}\n{_INLET}")
    _project(
        folder / pond,
        "immediate_retries = 1\nsource_retries = 1\n",
        _POND.replace("{inlet}", inlet),
        inlet,
    )
    _project(
        folder / outlet,
        'type = "outlet"\nimmediate_retries = 1\n',
        _OUTLET.replace("{pond}", pond),
        pond,
    )


def _project(root: Path, fields: str, code: str, source: str = "") -> None:
    (root / "src").mkdir(parents=True)
    sources = f'\n[sources]\n{source} = "1.0.0"\n' if source else ""
    (root / "pond.toml").write_text(
        f'[pond]\nname = "{root.name}"\nversion = "1.0.0"\n{fields}{sources}'
    )
    (root / "src" / "pond.py").write_text(textwrap.dedent(_HEAD) + "\n\n" + code)
