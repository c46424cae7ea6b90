"""The Catchment of the exercise before anything is wrong: twenty Ponds of three teams.

``shop`` sells, ``money`` closes the books, ``freight`` delivers. Each Inlet's rows have the
freshness of their run, so that no run downstream passes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

BUCKET = "incident-landing"
LIMIT, TOKENS = "warehouse", 1
PREFIX = "visits/"

_HEAD = "import time\n\nfrom duckstring import ripple\n"


@dataclass(frozen=True)
class PondText:
    """One Pond's project."""

    name: str
    code: str
    sources: tuple[str, ...] = ()
    kind: str = "pond"
    fields: Mapping[str, object] = field(default_factory=dict)
    checks: Mapping[str, str] = field(default_factory=dict)

    @property
    def team(self) -> str:
        return self.name.partition("_")[0]

    def manifest(self, version: str) -> str:
        given = {"name": self.name, "version": version, "type": self.kind, **self.fields}
        sources = "".join(f'{one} = "1.0.0"\n' for one in self.sources)
        return (
            "[pond]\n"
            + "".join(f"{key} = {json.dumps(value)}\n" for key, value in given.items())
            + (f"\n[sources]\n{sources}" if sources else "")
        )

    def write(self, folder: Path, *, version: str = "1.0.0") -> Path:
        root = folder / self.name
        (root / "src" / "checks").mkdir(parents=True, exist_ok=True)
        (root / "pond.toml").write_text(self.manifest(version))
        (root / "src" / "pond.py").write_text(_HEAD + self.code)
        for name, sql in self.checks.items():
            (root / "src" / "checks" / f"{name}.sql").write_text(sql)
        return root


def _inlet(table: str, columns: str, rows: int, *, uses: str = "") -> str:
    """Code of an Inlet that makes up rows; ``n`` counts them."""
    decorator = f'@ripple(uses="{uses}")' if uses else "@ripple"
    return f'''

{decorator}
def extract(pond):
    pond.write_table(
        "{table}",
        f"""
        SELECT {columns}, '{{pond.f}}' AS as_of
        FROM range({rows}) AS made(n)
        """,
    )
'''


def _select(ripple: str, table: str, sql: str) -> str:
    """Code of a Pond of one Ripple, which is one SELECT."""
    return f'''

@ripple
def {ripple}(pond):
    pond.write_table(
        "{table}",
        """
        {sql}
        """,
    )
'''


def _proxy(job: str) -> str:
    """Code of a Pond whose work another engine does."""
    return f"""from duckstring.external import DatabricksJob, Env

job = DatabricksJob(Env("{job.upper()}_JOB_ID"), poll="2s")


@ripple(on_kill=job.cancel)
def run_pipeline(pond):
    run = job.run(pond)
    pond.write_table("run", run.select())
"""


_VISITS = """

@ripple
def take(pond):
    came = pond.arrivals()
    files = ", ".join(f"('{one.key}', {one.size})" for one in came) or "('', 0)"
    pond.append_table(
        "visits",
        f"SELECT file, bytes FROM (VALUES {files}) AS came(file, bytes) WHERE file <> ''",
    )
"""

PONDS = (
    PondText(
        "shop_orders",
        _inlet(
            "orders", "n AS id, n % 40 AS customer, n % 12 AS product, 10 + n % 90 AS amount", 900
        ),
        kind="inlet",
    ),
    PondText(
        "shop_customers",
        _inlet("customers", "n AS customer, 'c' || n AS name", 40, uses=LIMIT),
        kind="inlet",
    ),
    PondText(
        "shop_products",
        _inlet("products", "n AS product, 'p' || n AS title, 7 + n AS price", 12),
        kind="inlet",
    ),
    PondText("shop_visits", _VISITS, kind="inlet"),
    PondText("shop_campaigns", _proxy("products"), kind="inlet", fields={"immediate_retries": 1}),
    PondText(
        "shop_margin",
        _select(
            "work_out",
            "margin",
            "SELECT o.id, o.customer, o.amount - p.price AS margin, o.as_of "
            "FROM shop_orders.orders o JOIN shop_products.products p USING (product)",
        ),
        ("shop_orders", "shop_products"),
    ),
    PondText(
        "shop_daily",
        _select(
            "report",
            "daily",
            "SELECT c.name, sum(m.margin) AS margin, max(m.as_of) AS as_of "
            "FROM shop_margin.margin m JOIN shop_customers.customers c USING (customer) "
            "GROUP BY ALL",
        ),
        ("shop_margin", "shop_customers"),
        kind="outlet",
    ),
    PondText(
        "shop_funnel",
        _select(
            "report",
            "funnel",
            "SELECT (SELECT count(*) FROM shop_visits.visits) AS visits, "
            "(SELECT max(run_id) FROM shop_campaigns.run) AS campaign, "
            "count(*) AS orders, max(as_of) AS as_of FROM shop_orders.orders",
        ),
        ("shop_visits", "shop_campaigns", "shop_orders"),
        kind="outlet",
    ),
    PondText(
        "money_rates",
        _inlet("rates", "'x' || n AS currency, 1 + n / 10 AS rate", 5),
        kind="inlet",
    ),
    PondText("money_ledger", _proxy("transactions"), kind="inlet"),
    PondText(
        "money_invoices",
        _select(
            "bill",
            "invoices",
            "SELECT id, amount, 'x' || id % 5 AS currency, as_of FROM shop_orders.orders",
        ),
        ("shop_orders",),
        checks={"amounts_are_positive": "SELECT id, amount FROM invoices WHERE amount <= 0\n"},
    ),
    PondText(
        "money_revenue",
        _select(
            "sum_up",
            "revenue",
            "SELECT r.currency, sum(i.amount * r.rate) AS revenue, max(i.as_of) AS as_of "
            "FROM money_invoices.invoices i JOIN money_rates.rates r USING (currency) GROUP BY ALL",
        ),
        ("money_invoices", "money_rates"),
    ),
    PondText(
        "money_closing",
        _select(
            "close",
            "closing",
            "SELECT *, (SELECT max(run_id) FROM money_ledger.run) AS ledger "
            "FROM money_revenue.revenue",
        ),
        ("money_revenue", "money_ledger"),
        kind="outlet",
    ),
    PondText(
        "freight_parcels",
        _inlet("parcels", "n AS parcel, n % 6 AS depot, 1 + n % 30 AS weight", 600),
        kind="inlet",
    ),
    PondText(
        "freight_depots",
        _inlet("depots", "n AS depot, 'd' || n AS town, 'x' || n % 5 AS currency", 6),
        kind="inlet",
    ),
    PondText(
        "freight_routes",
        _select(
            "plan",
            "routes",
            "SELECT parcel, weight, town, currency, p.as_of "
            "FROM freight_parcels.parcels p JOIN freight_depots.depots d USING (depot)",
        ),
        ("freight_parcels", "freight_depots"),
    ),
    PondText(
        "freight_costs",
        _select(
            "price",
            "costs",
            "SELECT parcel, weight * rate AS cost, s.as_of "
            "FROM freight_routes.routes s JOIN money_rates.rates USING (currency)",
        ),
        ("freight_routes", "money_rates"),
    ),
    PondText(
        "freight_delays",
        _select(
            "measure",
            "delays",
            "SELECT town, count(*) AS parcels, max(as_of) AS as_of "
            "FROM freight_routes.routes GROUP BY ALL",
        ),
        ("freight_routes",),
    ),
    PondText(
        "freight_board",
        _select(
            "show",
            "board",
            "SELECT (SELECT sum(cost) FROM freight_costs.costs) AS cost, "
            "sum(parcels) AS parcels, max(as_of) AS as_of FROM freight_delays.delays",
        ),
        ("freight_costs", "freight_delays"),
        kind="outlet",
    ),
    PondText(
        "freight_history",
        f"""

@ripple(uses="{LIMIT}")
def export(pond):
    pond.write_table(
        "history",
        "SELECT count(*) AS parcels, max(as_of) AS as_of FROM freight_parcels.parcels",
    )
""",
        ("freight_parcels",),
        kind="outlet",
    ),
)
BY_NAME = {pond.name: pond for pond in PONDS}

OUTLETS = ("shop_daily", "shop_funnel", "money_closing", "freight_board", "freight_history")

SETUP: tuple[tuple[str, ...], ...] = (
    *(
        ("tag", pond.name, f"team={pond.team}", f"tier={1 if pond.name in OUTLETS else 2}")
        for pond in PONDS
    ),
    ("limit", "set", LIMIT, str(TOKENS)),
    (
        "trigger", "window", "freight_depots", "add", "--name", "feed", "--every", "1m",
        "--note", "the depots send a file each minute",
    ),
    (
        "trigger", "window", "freight_parcels", "add", "--name", "scans", "--every", "20s",
        "--note", "a Wave would run as fast as it can",
    ),
    (
        "trigger", "arrival", "shop_visits", "add", "--name", "files", "--bucket", BUCKET,
        "--prefix", PREFIX, "--note", "marketing uploads them",
    ),
)  # fmt: skip
"""What an operator has typed once."""

TRIGGERS: tuple[tuple[str, ...], ...] = (
    ("trigger", "tide", "shop_daily", "45s"),
    ("trigger", "tide", "shop_funnel", "45s"),
    ("trigger", "tide", "money_closing", "45s"),
    ("trigger", "wave", "freight_board"),
    ("trigger", "tide", "freight_history", "1m"),
    *(("alert", "stale", outlet, "3m") for outlet in OUTLETS),
)
"""What keeps it going, and how old the Outlets may be."""
