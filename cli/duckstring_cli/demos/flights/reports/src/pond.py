"""Which routes, carriers, hours and weather cost passengers most.

Delays are minutes. ``late_pct`` is the share of arrivals 15 minutes late or more, ``cancelled_pct``
the share of scheduled flights that never left. Groups too small to say anything are left out. The
Ripples need nothing of each other and run at once.
"""

from duckstring import Pond, ripple


@ripple
def punctuality(pond: Pond) -> None:
    """The year in four lines: each airport, and all of them."""
    pond.read_table("delays.facts")
    report = pond.con.sql(
        """
        SELECT
            coalesce(origin, 'all') AS airport,
            count(*) AS flights,
            count(*) FILTER (outcome = 'arrived') AS arrived,
            count(*) FILTER (outcome = 'diverted') AS diverted,
            count(*) FILTER (outcome = 'cancelled') AS cancelled,
            round(100 * avg(late::INTEGER), 1) AS late_pct,
            round(avg(departure_delay), 1) AS average_departure_delay,
            round(avg(arrival_delay), 1) AS average_arrival_delay
        FROM delays.facts
        GROUP BY GROUPING SETS ((origin), ())
        ORDER BY airport = 'all', airport
        """
    )
    pond.write_table("punctuality", report)


@ripple
def worst_routes(pond: Pond) -> None:
    """The 25 routes with the longest average arrival delay, of those flown daily (365 flights or
    more).
    """
    pond.read_table("delays.facts")
    report = pond.con.sql(
        """
        SELECT
            row_number() OVER (ORDER BY avg(arrival_delay) DESC, origin, dest) AS place,
            origin,
            dest,
            any_value(destination) AS destination,
            count(*) AS flights,
            round(avg(arrival_delay), 1) AS average_delay,
            median(arrival_delay) AS median_delay,
            round(quantile_cont(arrival_delay, 0.9), 1) AS one_in_ten_exceeds,
            round(100 * avg(late::INTEGER), 1) AS late_pct,
            round(100 * avg(cancelled::INTEGER), 1) AS cancelled_pct
        FROM delays.facts
        GROUP BY origin, dest
        HAVING count(*) >= 365
        ORDER BY place
        LIMIT 25
        """
    )
    pond.write_table("worst_routes", report)


@ripple
def delay_by_weather(pond: Pond) -> None:
    """What each kind of weather does to departures, worst first."""
    pond.read_table("delays.facts")
    report = pond.con.sql(
        """
        SELECT
            conditions,
            count(*) AS flights,
            round(avg(departure_delay), 1) AS average_departure_delay,
            round(quantile_cont(departure_delay, 0.9), 1) AS one_in_ten_exceeds,
            round(100 * avg(late::INTEGER), 1) AS late_pct,
            round(100 * avg(cancelled::INTEGER), 1) AS cancelled_pct
        FROM delays.facts
        GROUP BY conditions
        ORDER BY avg(departure_delay) DESC
        """
    )
    pond.write_table("delay_by_weather", report)


@ripple
def delay_by_hour(pond: Pond) -> None:
    """How delay builds up over the day, by the hour of scheduled departure (local)."""
    pond.read_table("delays.facts")
    report = pond.con.sql(
        """
        SELECT
            hour(scheduled_departure) AS hour,
            count(*) AS flights,
            round(avg(departure_delay), 1) AS average_departure_delay,
            round(100 * avg(late::INTEGER), 1) AS late_pct,
            round(100 * avg(cancelled::INTEGER), 1) AS cancelled_pct
        FROM delays.facts
        GROUP BY hour(scheduled_departure)
        HAVING count(*) >= 100
        ORDER BY hour
        """
    )
    pond.write_table("delay_by_hour", report)


@ripple
def carriers_by_month(pond: Pond) -> None:
    """The carriers' league table of each month: fewest late arrivals first, carriers with 30
    flights or more.
    """
    pond.read_table("delays.facts")
    report = pond.con.sql(
        """
        SELECT
            month,
            rank() OVER (PARTITION BY month ORDER BY avg(late::INTEGER)) AS place,
            carrier,
            any_value(airline) AS airline,
            count(*) AS flights,
            round(100 * avg(late::INTEGER), 1) AS late_pct,
            round(100 * avg(cancelled::INTEGER), 1) AS cancelled_pct,
            round(avg(arrival_delay), 1) AS average_arrival_delay
        FROM delays.facts
        GROUP BY month, carrier
        HAVING count(*) >= 30
        ORDER BY month, place, carrier
        """
    )
    pond.write_table("carriers_by_month", report)
