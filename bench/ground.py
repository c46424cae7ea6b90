"""A Catchment of the bench's own, in a folder of its own: started, fed with Ponds, watched, and
thrown away.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from duckstring_cli import catchments, deploying
from duckstring_cli.client import Client
from duckstring_cli.local import catchment as local
from duckstring_cli.local import process

NAME = "bench"
_POLL = 0.1
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class PondText:
    """One generated Pond: ``ripples`` are (name, parents, seconds of sleep); the last one writes
    the one-row table ``t``.
    """

    name: str
    sources: Sequence[str] = ()
    kind: str = "pond"
    ripples: Sequence[tuple[str, Sequence[str], float]] = (("make", (), 0.0),)

    def write(self, folder: Path) -> None:
        root = folder / self.name
        (root / "src").mkdir(parents=True)
        sources = "".join(f'{source} = "1.0.0"\n' for source in self.sources)
        (root / "pond.toml").write_text(
            f'[pond]\nname = "{self.name}"\nversion = "1.0.0"\ntype = "{self.kind}"\n'
            + (f"\n[sources]\n{sources}" if sources else "")
        )
        (root / "src" / "pond.py").write_text(
            "import time\n\nfrom duckstring import ripple\n"
            + "".join(map(self._ripple, self.ripples))
        )

    def _ripple(self, ripple: tuple[str, Sequence[str], float]) -> str:
        name, parents, seconds = ripple
        body = [f"time.sleep({seconds})"] if seconds else []
        if ripple == self.ripples[-1]:
            # The freshness is in the row: equal rows would let everything downstream pass without
            # running.
            columns = [
                "'{pond.f}' AS f",
                *(f"(SELECT count(*) FROM {source}.t) AS {source}" for source in self.sources),
            ]
            body.append(f'pond.write_table("t", f"SELECT {", ".join(columns)}")')
        given = ", ".join(f'"{parent}"' for parent in parents)
        return f"\n\n@ripple(parents=[{given}])\ndef {name}(pond):\n" + "".join(
            f"    {line}\n" for line in body or ["pass"]
        )


@dataclass
class Use:
    """What a Catchment's processes took. ``pss`` shares common pages among them."""

    rss: int = 0
    pss: int = 0
    processes: int = 0


@dataclass
class Ground:
    """A running Catchment."""

    folder: Path
    keep: list[str] = field(default_factory=list)

    @cached_property
    def client(self) -> Client:
        return Client(catchments.find(NAME))

    @cached_property
    def database(self) -> Any:
        one = catchments.find(NAME)
        return catchments.session(one).client("dynamodb"), one.outputs["Table"]

    @property
    def pid(self) -> int:
        one = catchments.find(NAME)
        running = process.ask(local.catchment_folder(NAME), one.port)
        if running is None:
            raise RuntimeError("the Catchment does not run")
        return running.pid

    def start(self) -> float:
        began = time.monotonic()
        with tracing():
            local.start(NAME)
        for cached in ("client", "database"):
            self.__dict__.pop(cached, None)
        return time.monotonic() - began

    def stop(self) -> None:
        local.stop(NAME)

    def restart(self) -> None:
        """Cold: no function has a worker. The start's own sweep is left to end."""
        self.stop()
        self.start()
        time.sleep(3)

    def deploy(self, ponds: Sequence[PondText]) -> None:
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        for pond in ponds:
            pond.write(folder)
        deploying.deploy(
            self.client,
            deploying.read(deploying.roots(folder, tree=True)),
            overwrite=True,
            on_step=lambda _: None,
        )

    def last_run(self, pond: str) -> Mapping[str, Any]:
        """The newest run's row, straight from the table: the api's function is not disturbed."""
        client, table = self.database
        found = client.query(
            TableName=table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={":pk": {"S": f"LINE#{pond}@1"}, ":prefix": {"S": "RUN#"}},
            ScanIndexForward=False,
            Limit=1,
            ConsistentRead=True,
        )["Items"]
        return (
            {name: next(iter(value.values())) for name, value in found[0].items()}
            if found
            else {"number": "0", "status": ""}
        )

    def pulse(self, pond: str, *, limit: float = 120) -> float:
        """Send one Pulse and wait for its run; the epoch seconds at which it was sent."""
        before = int(self.last_run(pond)["number"])
        sent = time.time()
        self.client.trigger(pond, "pulse")
        until = time.monotonic() + limit
        while time.monotonic() < until:
            row = self.last_run(pond)
            if int(row["number"]) > before and row["status"] not in {"", "running"}:
                if row["status"] != "success":
                    raise RuntimeError(f"{pond}: {row}")
                return sent
            time.sleep(_POLL)
        raise TimeoutError(
            f"{pond} has not run within {limit} s; the server's log is {self.folder}"
        )

    def attempts(self, pond: str, number: int | None = None) -> list[Mapping[str, Any]]:
        run = number or int(self.last_run(pond)["number"])
        return list(self.client.run(f"{pond}@1/{run}")["attempts"])

    def trace(self, since: float = 0.0) -> list[dict[str, Any]]:
        path = local.catchment_folder(NAME) / "trace.jsonl"
        events = [json.loads(line) for line in path.read_text().splitlines()]
        return sorted(
            (event for event in events if event["at"] >= since), key=lambda event: event["at"]
        )

    def pids(self) -> list[int]:
        """The server and everything in its session."""
        server = self.pid
        return [
            pid
            for pid in (
                int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()
            )
            if _session(pid) == server
        ]

    def use(self, *, shared: bool = False) -> Use:
        use = Use()
        for pid in self.pids():
            try:
                use.rss += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
                if shared:
                    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
                    use.pss += (
                        int(
                            next(
                                line.split()[1]
                                for line in rollup.splitlines()
                                if line.startswith("Pss:")
                            )
                        )
                        * 1024
                    )
            except (OSError, StopIteration, IndexError):
                continue
            use.processes += 1
        return use

    def cpu(self) -> dict[int, float]:
        """Seconds of processor that each of its processes has taken."""
        taken = {}
        for pid in self.pids():
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            taken[pid] = (int(fields[11]) + int(fields[12])) / _TICKS
        return taken

    @contextmanager
    def watched(self) -> Iterator[Use]:
        """The peak of memory within the block."""
        peak, done = Use(), threading.Event()

        def watch() -> None:
            while not done.wait(0.25):
                use = self.use(shared=True)
                peak.rss, peak.pss, peak.processes = (
                    max(peak.rss, use.rss),
                    max(peak.pss, use.pss),
                    max(peak.processes, use.processes),
                )

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield peak
        finally:
            done.set()
            thread.join()


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return -1


def instant(text: str) -> float:
    """A history row's instant as epoch seconds."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).timestamp()


@contextmanager
def tracing() -> Iterator[None]:
    """Servers launched within the block write a trace."""
    plain = process.serve
    process.serve = SimpleNamespace(__file__=str(Path(__file__).with_name("traced.py")))
    try:
        yield
    finally:
        process.serve = plain


@contextmanager
def ground() -> Iterator[Ground]:
    """A fresh Catchment, deployed and running; its tools come from ``DUCKSTRING_TOOLS``, else
    the user's own.
    """
    tools = os.environ.get("DUCKSTRING_TOOLS") or str(Path.home() / ".duckstring" / "tools")
    folder = Path(tempfile.mkdtemp(prefix="duckstring-bench-"))
    before = {name: os.environ.get(name) for name in ("DUCKSTRING_HOME", "DUCKSTRING_TOOLS")}
    os.environ.update(DUCKSTRING_HOME=str(folder / "home"), DUCKSTRING_TOOLS=tools)
    try:
        local.init(NAME)
        made = Ground(folder)
        made.start()
        yield made
    finally:
        local.stop(NAME)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if not os.environ.get("DUCKSTRING_BENCH_KEEP"):
            shutil.rmtree(folder, ignore_errors=True)
