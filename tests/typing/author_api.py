"""The author API under the type checker: checked, never run."""

from collections.abc import Callable
from datetime import datetime
from typing import assert_type

from duckstring import Pond, check, connect, puddle, ripple


@ripple
def load(pond: Pond) -> None:
    assert_type(pond.f, datetime)
    assert_type(pond.name, str)
    pond.write_table("orders", pond.con.sql("SELECT 1 AS x"))
    pond.write_table("more", "SELECT 1 AS x")
    pond.write_table("bad", 7)  # type: ignore[arg-type]
    to = pond.location("large")
    assert_type(to, str)
    pond.adopt_table("large")
    pond.adopt_table("larger", f"{to}eu/")
    pond.adopt_table("bad", 7)  # type: ignore[arg-type]


@ripple(parents=[load, "other"], timeout="2h", memory="4GB", always_run=True)
def join(pond: Pond) -> int:
    assert_type(pond.sources_changed(), frozenset[str])
    return len(pond.read_table("sales.orders").columns)


@ripple(retry_delay="30s", retry_on=(TimeoutError, "requests.ConnectionError"))
def fetch(pond: Pond) -> None: ...


@ripple(retry_on=OSError)
def once(pond: Pond) -> None: ...


@ripple(retry_on=7)  # type: ignore[call-overload, untyped-decorator]
def never(pond: Pond) -> None: ...


@check
def amounts(pond: Pond) -> str:
    return "FROM orders WHERE amount < 0"


@check(severity="warn", name="late", needs_previous=True)
def _(pond: Pond) -> bool:
    return not [one.check for one in pond.source_warnings("sales") if one.rows > 3]


@check(severity="loud")  # type: ignore[call-overload, untyped-decorator]
def wrong_severity(pond: Pond) -> None: ...


@puddle(table="sales.orders")
def orders() -> str:
    return "SELECT 1 AS x"


@puddle("sales.orders")
def positional() -> list[dict[str, int]]:
    return [{"x": 1}]


@puddle
def bare(con: object) -> str:
    return "SELECT 1 AS x"


puddle(7)  # type: ignore[call-overload]


def cancel(pond: Pond) -> str:
    return f"cancelled {pond.recall('run_id')}"


@ripple(timeout="6h", on_kill=cancel, uses="databricks")
def wait(pond: Pond) -> int:
    assert_type(pond.run_key, str)
    assert_type(pond.ends, datetime)
    pond.remember("run_id", 7)
    if pond.recall("run_id", 0) == 0:
        pond.pause("60s")
    pond.pause(60)  # type: ignore[arg-type]
    return "unreachable"


@ripple(uses=["databricks", "warehouse"])
def limited(pond: Pond) -> None: ...


@ripple(uses=3)  # type: ignore[call-overload, untyped-decorator]
def wrong_limit(pond: Pond) -> None: ...


@ripple(on_kill="cancel")  # type: ignore[call-overload, untyped-decorator]
def wrong_kill(pond: Pond) -> None: ...


with connect("prod", consistent=True) as ponds:
    assert_type(ponds.tables("sales"), list[str])
    assert_type(ponds.f, datetime | None)
    rows: list[tuple[object, ...]] = ponds.sql("FROM sales.orders").fetchall()
connect(at=7)  # type: ignore[arg-type]
connect("prod", True)  # type: ignore[call-arg]

kept: Callable[[Pond], None] = load
number: Callable[[Pond], int] = join
wrong: Callable[[str], None] = load  # type: ignore[assignment]
