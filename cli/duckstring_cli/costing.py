"""Bills: what runs used, at the prices of a list, and by whom. docs/cost.md says what counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, TypedDict

from duckstring.model.costs import NOTHING, Kind, Used, plus
from duckstring.model.names import parse_run
from duckstring.model.prices import PRICE_LISTS, US_EAST_1, PriceList, standing
from duckstring.model.shares import RunUsed, attributed
from duckstring_cli.errors import BadInputError

if TYPE_CHECKING:
    from duckstring.model.answers.runs import AttemptRow, RunCost, RunRow
    from duckstring.model.instants import Instant
    from duckstring_cli.catchments import Catchment
    from duckstring_cli.client import Client

By = Literal["pond", "trigger"]
PAGE = 1000
MOST_RUNS = 100_000
"""That one bill reads."""
_MONTH = timedelta(days=30)


class PricesTold(TypedDict):
    """The list that a bill is made with. ``factor``: on every price."""

    version: str
    region: str
    date: str
    factor: float


class BillRow(TypedDict):
    """One line of a bill: a Pond's line, and (by trigger) what it began to run for."""

    line: str
    wanted: str | None
    runs: int
    used: Mapping[Kind, float]
    usd: float


class StandingTold(TypedDict):
    """A part of what the Catchment costs in a month in which nothing runs."""

    name: str
    usd_a_month: float
    how: str


class Bill(TypedDict):
    """What runs used from ``since`` until ``until``. ``estimated``: attempts whose worker could not
    say what it used. ``complete``: no run was left out.

    ``catchment_usd``: the Catchment itself, in that time.
    """

    since: str
    until: str
    by: By
    runs: int
    attempts: int
    estimated: int
    running: int
    complete: bool
    prices: PricesTold
    used: Mapping[Kind, float]
    usd_by_kind: Mapping[Kind, float]
    usd: float
    rows: list[BillRow]
    standing: list[StandingTold]
    catchment_usd: float


@dataclass(frozen=True, slots=True)
class Prices:
    """A price list, and a factor on all its prices."""

    listed: PriceList = US_EAST_1
    factor: float = 1.0

    def of(self, used: Used) -> dict[Kind, float]:
        """US dollars, by kind."""
        prices = self.listed.prices
        return {kind: amount * prices[kind].usd * self.factor for kind, amount in used.items()}

    def total(self, used: Used) -> float:
        """US dollars."""
        return sum(self.of(used).values())

    def told(self) -> PricesTold:
        """Which these are."""
        listed = self.listed
        return {
            "version": listed.version,
            "region": listed.region,
            "date": listed.date,
            "factor": self.factor,
        }


@dataclass(slots=True)
class _Read:
    runs: list[RunCost] = field(default_factory=list)
    complete: bool = True


def prices_for(catchment: Catchment, factor: float | None) -> Prices:
    """The list of the Catchment's region; of another region, with the factor that the user gives.
    A local Catchment is priced as one in us-east-1.

    Raises:
        BadInputError: there is no list of that region, and no factor.
    """
    region = US_EAST_1.region if catchment.kind == "local" else catchment.region
    listed = PRICE_LISTS.get(region or US_EAST_1.region)
    if listed is None and factor is None:
        raise BadInputError(
            f"There is no price list of {region}, where this Catchment is.",
            hint=f"Give how much more it costs than {US_EAST_1.region}: --factor 1.1",
        )
    return Prices(listed or US_EAST_1, 1.0 if factor is None else factor)


def bill(  # noqa: PLR0913 - each is an option of the command
    client: Client,
    pond: str | None,
    *,
    major: int | None,
    since: Instant,
    until: Instant,
    by: By,
    prices: Prices,
) -> Bill:
    """What runs that began from ``since`` until ``until`` used.

    ``by="pond"``: of each line, or of one Pond's, its own runs. ``by="trigger"``: what each line's
    demand led to, the runs above it included; of a Pond, its own demand's.
    """
    from duckstring.model.instants import to_text

    of_all = by == "trigger" or pond is None
    read = _read(client, None if of_all else pond, major=major, since=since, until=until)
    rows = _by_trigger(read.runs, prices) if by == "trigger" else _by_pond(read.runs, prices)
    if pond is not None:
        rows = [row for row in rows if _is_of(row["line"], pond, major)]
    used = plus(*(row["used"] for row in rows))
    rest = standing(prices.listed)
    share = max(0.0, (until - since) / _MONTH)
    return {
        "since": to_text(since),
        "until": to_text(until),
        "by": by,
        "runs": len(read.runs),
        "attempts": sum(run["attempts"] for run in read.runs),
        "estimated": sum(run["estimated"] for run in read.runs),
        "running": sum(run["running"] for run in read.runs),
        "complete": read.complete,
        "prices": prices.told(),
        "used": used,
        "usd_by_kind": prices.of(used),
        "usd": prices.total(used),
        "rows": sorted(rows, key=lambda row: (-row["usd"], row["line"], row["wanted"] or "")),
        "standing": [
            {"name": part.name, "usd_a_month": part.usd * prices.factor, "how": part.how}
            for part in rest
        ],
        "catchment_usd": share * prices.factor * sum(part.usd for part in rest),
    }


def used_of_run(run: RunRow, attempts: Iterable[AttemptRow]) -> Used:
    """What one run used, as far as its rows say."""
    return plus(run.get("used") or NOTHING, *(one.get("used") or NOTHING for one in attempts))


_THREE_DIGITS = 100
_MOST_DIGITS = 9


def dollars(usd: float) -> str:
    """``$0.000123``: three digits at least, and cents at least."""
    if usd == 0:
        return "$0"
    digits = 2
    while usd * 10**digits < _THREE_DIGITS and digits < _MOST_DIGITS:
        digits += 1
    return f"${usd:,.{digits}f}"


def _read(
    client: Client, pond: str | None, *, major: int | None, since: Instant, until: Instant
) -> _Read:
    read, before = _Read(), None
    while True:
        page = client.cost(pond, major=major, limit=PAGE, since=since, until=until, before=before)
        read.runs += page["runs"]
        if not page["more"]:
            return read
        if len(read.runs) >= MOST_RUNS:
            read.complete = False
            return read
        before = page["runs"][-1]["run"]


def _by_pond(runs: Sequence[RunCost], prices: Prices) -> list[BillRow]:
    of_line: dict[str, list[RunCost]] = defaultdict(list)
    for run in runs:
        of_line[_line(run)].append(run)
    return [
        _row(line, None, len(some), plus(*(one["used"] for one in some)), prices)
        for line, some in of_line.items()
    ]


def _by_trigger(runs: Sequence[RunCost], prices: Prices) -> list[BillRow]:
    counts: dict[str, int] = defaultdict(int)
    for run in runs:
        counts[_line(run)] += 1
    return [
        _row(demand.line, demand.wanted, counts[demand.line], used, prices)
        for demand, used in attributed(map(_run_used, runs)).items()
    ]


def _row(line: str, wanted: str | None, runs: int, used: Used, prices: Prices) -> BillRow:
    return {
        "line": line,
        "wanted": wanted,
        "runs": runs,
        "used": used,
        "usd": prices.total(used),
    }


def _run_used(run: RunCost) -> RunUsed:
    line, number = parse_run(run["run"])
    newer = run["overtaken_by"]
    return RunUsed(
        line,
        number,
        run["started"],
        run["used"],
        run["wanted"],
        {source: snapshot for source, snapshot in run["sources"].items() if snapshot},
        parse_run(newer)[1] if newer else 0,
    )


def _line(run: RunCost) -> str:
    return run["run"].rpartition("/")[0]


def _is_of(line: str, pond: str, major: int | None) -> bool:
    name, _, number = line.partition("@")
    return name == pond and major in {None, int(number)}
