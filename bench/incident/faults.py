"""The faults: what somebody did, what people then see, and how it is found.

A fault is what was typed and changed, in the order in which it happened. No product code knows of
it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from bench.incident.ponds import PREFIX


class Place(Protocol):
    """The Catchment, its projects, and the world around it."""

    def run(self, *words: str) -> None:
        """Type ``duckstring`` with these words; it must succeed."""

    def redeploy(self, pond: str, old: str, new: str, *, note: str) -> None:
        """Somebody changes a Pond's code and deploys the next version of it."""

    def configure(self, job: str, **settings: object) -> None:
        """Say how the next runs of another engine's job go."""

    def put(self, key: str) -> None:
        """An object comes into the bucket for arrivals."""

    def status(self, pond: str) -> str:
        """As ``duckstring status`` shows it."""

    def attempt(self, pond: str) -> float:
        """Seconds that the Ripple at work has taken by now; 0 if none is."""

    def waits_for_token(self, pond: str) -> bool:
        """A Ripple of this Pond waits for a limit."""

    def wait(self, claim: Callable[[], object], what: str) -> None:
        """Until it is so."""


@dataclass(frozen=True)
class Fault:
    """One cause. ``outlet`` is where people see it; empty: everywhere."""

    name: str
    outlet: str
    symptom: str
    """What somebody reports. ``{since}`` is filled in."""
    cause: str
    evidence: tuple[str, ...]
    """Commands that show it."""
    mend: str
    plant: Callable[[Place], None]


def _wait_for_failure(place: Place, pond: str) -> None:
    place.wait(lambda: place.status(pond) == "failed", f"{pond} fails")


def _breaking_deploy(
    pond: str, old: str, new: str, *, note: str, failing: str
) -> Callable[[Place], None]:
    """A change of one Pond's code, by which that Pond or a reader of it fails."""

    def plant(place: Place) -> None:
        place.redeploy(pond, old, new, note=note)
        _wait_for_failure(place, failing)

    return plant


_renamed = _breaking_deploy(
    "shop_products",
    "AS price",
    "AS list_price",
    note="names as in the new catalogue",
    failing="shop_products",
)
_ambiguous = _breaking_deploy(
    "money_rates",
    "AS rate",
    "AS rate, n + 1 AS weight",
    note="weights of the basket, for audit",
    failing="freight_costs",
)
_check = _breaking_deploy(
    "shop_orders",
    "10 + n % 90 AS amount",
    "n % 90 - 2 AS amount",
    note="with refunds",
    failing="money_invoices",
)


def _hangs(place: Place) -> None:
    place.configure("transactions", seconds=86_400)
    place.wait(lambda: place.attempt("money_ledger") > 20, "the job has taken long")


def _token(place: Place) -> None:
    place.redeploy(
        "freight_history",
        "def export(pond):\n",
        "def export(pond):\n    time.sleep(7200)  # the warehouse asks for one file a second\n",
        note="slower, as the warehouse asked",
    )
    place.wait(lambda: place.waits_for_token("shop_customers"), "shop_customers waits for a token")


def daily(now: datetime) -> tuple[str, ...]:
    """The options of a Window that should have opened half an hour ago. It opens some hours later
    than was meant: the clock was UTC's, the zone is not.
    """
    start = f"{now - timedelta(minutes=30):%H:%M}"
    return ("--every", "1d", "--start", start, "--duration", "6h", "--tz", "America/Los_Angeles")


def _zone(place: Place) -> None:
    window = ("trigger", "window", "freight_depots")
    place.run(*window, "remove", "feed", "--note", "one file a day from now on")
    options = daily(datetime.now(UTC))
    place.run(*window, "add", "--name", "daily", *options, "--note", f"they send at {options[3]}")
    place.wait(lambda: place.status("freight_depots") == "waiting", "freight_depots waits")


def _asleep(place: Place) -> None:
    place.run(
        "control", "sleep", "shop_funnel", "--note", "not needed until the fair is over (Kim)"
    )


def _slow(place: Place) -> None:
    place.redeploy(
        "freight_delays",
        "def measure(pond):\n",
        "def measure(pond):\n    time.sleep(400)  # stands for a cross join\n",
        note="delays by street",
    )
    place.wait(lambda: place.attempt("freight_delays") > 5, "freight_delays runs")


def _budget(place: Place) -> None:
    place.configure("products", fail_next=2, message="No capacity in this region. ")
    _wait_for_failure(place, "shop_campaigns")


def _maintenance(place: Place) -> None:
    place.run("maintenance", "on", "--note", "resizing the warehouse, back in ten minutes")


def _prefix(place: Place) -> None:
    place.run("trigger", "arrival", "shop_visits", "remove", "--name", "files")
    place.run(
        "trigger", "arrival", "shop_visits", "add", "--name", "files", "--bucket",
        "incident-landing", "--prefix", "visit/", "--note", "shorter keys",
    )  # fmt: skip
    place.put(f"{PREFIX}spring-campaign.csv")


FAULTS = (
    Fault(
        "renamed",
        "shop_daily",
        "The shop's daily report shows nothing newer than {since}.",
        "shop_products 1.0.1 renames the column price to list_price. A published column may not "
        "go, so its run fails with ContractError, and what reads it is blocked.",
        ("why shop_daily", "runs shop_products", "audit shop_products"),
        "Publish price again (both names, or a new major), then: "
        "duckstring control wake shop_products",
        _renamed,
    ),
    Fault(
        "ambiguous",
        "freight_board",
        "The board in the freight hall has stood still since {since}.",
        "money_rates 1.0.1 has a new column weight. freight_costs reads weight without saying "
        "whose, which is ambiguous now, so its Ripple fails.",
        ("why freight_board", "runs freight_costs", "audit money_rates"),
        "Write s.weight in freight_costs, deploy it, then: duckstring control wake freight_costs",
        _ambiguous,
    ),
    Fault(
        "external",
        "money_closing",
        "The closing figures are from {since}. They are needed now.",
        "The external job behind money_ledger (transactions) hangs. Nothing has failed, so nothing "
        "is tried again.",
        ("why money_closing", "status money_ledger --once", "logs money_ledger"),
        "End the job over there, or: duckstring control kill money_ledger --yes, then wake it "
        "once the job works. A timeout= on the Ripple would have ended it.",
        _hangs,
    ),
    Fault(
        "limit",
        "shop_daily",
        "The shop's daily report was fine until {since}. We have deployed nothing.",
        "freight_history 1.0.1 holds the only token of the limit warehouse for two hours. "
        "shop_customers waits for it.",
        ("why shop_daily", "limit list", "audit freight_history"),
        "duckstring control kill freight_history --yes, and deploy its version before; or "
        "duckstring limit set warehouse 2",
        _token,
    ),
    Fault(
        "window",
        "freight_board",
        "The board in the freight hall has no depot file since {since}. The depots say they send.",
        "The Window of freight_depots was replaced. It opens once a day now, by the clock of Los "
        "Angeles where UTC was meant, and is closed.",
        ("why freight_board", "trigger window freight_depots list", "audit freight_depots"),
        "duckstring trigger window freight_depots remove daily, and add it with the right zone",
        _zone,
    ),
    Fault(
        "asleep",
        "shop_funnel",
        "The funnel page of the shop is from {since}.",
        "Somebody has put shop_funnel to sleep, with a note, which took its Tide away.",
        ("why shop_funnel", "audit shop_funnel"),
        "duckstring trigger tide shop_funnel 45s",
        _asleep,
    ),
    Fault(
        "check",
        "money_closing",
        "The closing figures are from {since}. Nobody in our team has touched anything.",
        "shop_orders 1.0.1 has refunds, with negative amounts. The check amounts_are_positive of "
        "money_invoices fails, so nothing is published.",
        ("why money_closing", "runs money_invoices", "audit shop_orders"),
        "Agree on refunds: change the check of money_invoices or the orders, deploy, then: "
        "duckstring control wake money_invoices",
        _check,
    ),
    Fault(
        "slow",
        "freight_board",
        "The board in the freight hall comes later and later, it is from {since} now.",
        "freight_delays takes minutes since 1.0.1. It will pass the bound of freight_board.",
        ("why freight_board", "runs freight_delays", "audit freight_delays"),
        "Deploy the version before, or a faster one. duckstring control kill freight_delays --yes "
        "ends the run.",
        _slow,
    ),
    Fault(
        "budget",
        "shop_funnel",
        "The funnel page of the shop is from {since}. The campaign tool was down for a while, but "
        "works again.",
        "The job behind shop_campaigns failed twice, and its retry budget is used up. The job is "
        "well again, but nothing asks for another try.",
        ("why shop_funnel", "runs shop_campaigns"),
        "duckstring control wake shop_campaigns, and give it source_retries: "
        "duckstring control failure-budget shop_campaigns --source 3",
        _budget,
    ),
    Fault(
        "maintenance",
        "",
        "Nothing at all has become newer for a while, whatever we ask for.",
        "Maintenance is on. Somebody has forgotten it.",
        ("status --once", "maintenance status"),
        "duckstring maintenance off",
        _maintenance,
    ),
    Fault(
        "arrival",
        "shop_funnel",
        "Marketing has uploaded spring-campaign.csv, but the funnel does not count it.",
        "The arrival rule of shop_visits was replaced. Its prefix is visit/ now, the keys begin "
        "with visits/.",
        ("trigger arrival shop_visits list", "trigger arrival shop_visits backlog"),
        "Add the rule with --prefix visits/ again, and upload the file once more",
        _prefix,
    ),
)  # fmt: skip
BY_NAME = {fault.name: fault for fault in FAULTS}
PLANTED = 3


def draw(seed: int) -> list[Fault]:
    """Three faults that people see at different places. The one that hides others comes last."""
    chosen: list[Fault] = []
    for fault in random.Random(seed).sample(FAULTS, len(FAULTS)):
        if len(chosen) < PLANTED and fault.outlet not in {one.outlet for one in chosen}:
            chosen.append(fault)
    return in_order(chosen)


def in_order(faults: Sequence[Fault]) -> list[Fault]:
    """As they are planted: what stops every run is last, or the others would not show."""
    return sorted(faults, key=lambda fault: not fault.outlet)
