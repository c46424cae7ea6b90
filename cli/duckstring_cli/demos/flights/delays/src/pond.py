"""What happened to each flight, with the weather it left in and the aircraft that flew it.

    departures --+--> weather_at_departure --+--> facts --> quality
                 '--> aircraft --------------'

A Ripple starts when the Ripples named in its ``parents`` are done: the two in the middle run side
by side.
"""

from duckstring import Pond, ripple


@ripple
def departures(pond: Pond) -> None:
    """Clean the flights that are new: ``departures`` holds those that count, ``rejected`` the rest
    with the reason.

    What was cleaned before stays as it is. To clean all flights anew in a new version, write
    ``read_delta("flights.flights", full=True)`` and ``write_table``.
    """
    new = pond.read_delta("flights.flights").filter("_change = 'insert'")
    checked = new.query(
        "new_flights",
        """
        SELECT
            strftime(time_hour, '%Y%m%d%H') || '-' || carrier || '-' || flight AS flight_id,
            flight_date,
            flight_date + to_minutes(sched_dep_time // 100 * 60 + sched_dep_time % 100)
                AS scheduled_departure,
            time_hour AS scheduled_hour_utc,
            carrier,
            flight AS flight_number,
            tailnum,
            origin,
            dest,
            CASE
                WHEN dep_time IS NULL THEN 'cancelled'
                -- it left, and no arrival at its destination is on record
                WHEN arr_delay IS NULL THEN 'diverted'
                ELSE 'arrived'
            END AS outcome,
            dep_delay AS departure_delay,
            arr_delay AS arrival_delay,
            air_time AS air_minutes,
            distance AS miles,
            CASE
                WHEN dest IN ('EWR', 'JFK', 'LGA') THEN 'flight within New York'
                -- new flights come by whole hours: the same one is not among those before
                WHEN row_number() OVER same_flight > 1 THEN 'reported twice'
            END AS rejected_because
        FROM new_flights
        WINDOW same_flight AS (
            PARTITION BY time_hour, carrier, flight
            ORDER BY origin, dest, sched_dep_time
        )
        """,
    )
    kept = checked.filter("rejected_because IS NULL").project("* EXCLUDE (rejected_because)")
    rejected = checked.filter("rejected_because IS NOT NULL")
    if pond.delta_is_full("flights.flights"):  # a first run: there are no others
        pond.write_table("departures", kept)
        pond.write_table("rejected", rejected)
    else:
        pond.append_table("departures", kept)
        pond.append_table("rejected", rejected)


@ripple(parents=[departures])
def weather_at_departure(pond: Pond) -> None:
    """Give each departure the weather of its airport in the hour it was scheduled for, in
    numbers and in a word.
    """
    pond.read_table("departures")
    pond.read_table("weather.weather")
    weather = pond.con.sql(
        """
        SELECT
            d.flight_id,
            CASE
                WHEN w.origin IS NULL THEN 'unknown'
                WHEN w.precip > 0 AND w.temp <= 34 THEN 'snow or ice'
                WHEN w.precip >= 0.1 THEN 'heavy rain'
                WHEN w.precip > 0 THEN 'light rain'
                WHEN w.visib < 3 THEN 'fog'
                WHEN w.wind_speed BETWEEN 20 AND 100 THEN 'strong wind'
                ELSE 'fair'
            END AS conditions,
            w.temp AS temperature_f,
            w.precip AS precipitation_in,
            w.visib AS visibility_miles,
            CASE WHEN w.wind_speed <= 100 THEN w.wind_speed END AS wind_mph,
            w.wind_speed > 100 AS wind_is_impossible -- an instrument once reported 1,048 mph
        FROM departures AS d
        LEFT JOIN weather.weather AS w
            ON w.origin = d.origin AND w.time_hour = d.scheduled_hour_utc
        """
    )
    pond.write_table("weather_at_departure", weather)


@ripple(parents=[departures])
def aircraft(pond: Pond) -> None:
    """Give each departure its airline, its destination's name and its aircraft.

    A tail number is used again after an airliner is sold, and the register knows only the last
    owner: flights by an "airliner" registered as a light or piston-engined aircraft get no
    aircraft, and are listed in ``quality``.
    """
    for source in ("planes.planes", "airlines.airlines", "airports.airports"):
        pond.read_table(source)
    pond.read_table("departures")
    enriched = pond.con.sql(
        """
        WITH register AS (
            SELECT
                tailnum,
                model,
                year AS built,
                seats,
                CASE
                    WHEN manufacturer LIKE 'AIRBUS%' THEN 'AIRBUS'
                    WHEN manufacturer LIKE 'MCDONNELL DOUGLAS%' THEN 'MCDONNELL DOUGLAS'
                    ELSE manufacturer
                END AS manufacturer,
                seats >= 20 AND engine NOT IN ('Reciprocating', '4 Cycle') AS is_airliner
            FROM planes.planes
        )
        SELECT
            d.flight_id,
            airlines.name AS airline,
            airports.name AS destination,
            airliner.manufacturer,
            airliner.model,
            airliner.built,
            airliner.seats,
            CASE
                WHEN d.tailnum IS NULL THEN 'no tail number'
                WHEN register.tailnum IS NULL THEN 'not registered'
                WHEN airliner.tailnum IS NULL THEN 'registered as a light aircraft'
                ELSE 'known'
            END AS aircraft_record
        FROM departures AS d
        LEFT JOIN register ON register.tailnum = d.tailnum
        LEFT JOIN register AS airliner ON airliner.tailnum = d.tailnum AND airliner.is_airliner
        LEFT JOIN airlines.airlines AS airlines ON airlines.carrier = d.carrier
        LEFT JOIN airports.airports AS airports ON airports.faa = d.dest
        """
    )
    pond.write_table("aircraft", enriched)


@ripple(parents=[departures, weather_at_departure, aircraft])
def facts(pond: Pond) -> None:
    """Publish ``facts``: one row for each flight, everything known about it, fit for counting and
    averaging.

    ``late`` follows the Department of Transportation: 15 minutes or more after the scheduled
    arrival. It and the delays are NULL where there was none to measure, so an average is over the
    flights that have one.
    """
    for table in ("departures", "weather_at_departure", "aircraft"):
        pond.read_table(table)
    joined = pond.con.sql(
        """
        SELECT
            flight_id,
            d.flight_date,
            CAST(date_trunc('month', d.flight_date) AS DATE) AS month,
            d.scheduled_departure,
            d.carrier,
            a.airline,
            d.flight_number,
            d.origin,
            d.dest,
            coalesce(a.destination, d.dest) AS destination,
            d.outcome,
            d.outcome = 'cancelled' AS cancelled,
            d.arrival_delay >= 15 AS late,
            d.departure_delay,
            d.arrival_delay,
            -- 600 mph: no airliner is faster
            CASE WHEN d.miles / d.air_minutes <= 10 THEN d.air_minutes END AS air_minutes,
            d.miles,
            w.conditions,
            w.temperature_f,
            w.precipitation_in,
            w.visibility_miles,
            w.wind_mph,
            d.tailnum,
            a.manufacturer,
            a.model,
            a.built,
            a.seats
        FROM departures AS d
        JOIN weather_at_departure AS w USING (flight_id)
        JOIN aircraft AS a USING (flight_id)
        ORDER BY d.scheduled_departure, flight_id
        """
    )
    pond.write_table("facts", joined)


@ripple(parents=[facts])
def quality(pond: Pond) -> None:
    """List what was wrong with the data: ``quality`` flight by flight, ``quality_summary`` by rule.

    ``action`` says what was done: the flight was *rejected*, or the value *blanked*, or the flight
    *kept* as it is.
    """
    for table in ("rejected", "departures", "weather_at_departure", "aircraft", "facts"):
        pond.read_table(table)
    findings = pond.con.sql(
        """
        SELECT
            rejected_because AS rule,
            'rejected' AS action,
            flight_id,
            origin || ' to ' || dest AS found
        FROM rejected

        UNION ALL
        SELECT
            'faster than an airliner',
            'blanked',
            flight_id,
            d.miles || ' miles in ' || d.air_minutes || ' minutes'
        FROM departures AS d
        JOIN facts USING (flight_id)
        WHERE d.air_minutes IS NOT NULL AND facts.air_minutes IS NULL

        UNION ALL
        SELECT 'no weather on record', 'kept', flight_id, NULL
        FROM weather_at_departure
        WHERE conditions = 'unknown'

        UNION ALL
        SELECT 'impossible wind', 'blanked', flight_id, NULL
        FROM weather_at_departure
        WHERE wind_is_impossible

        UNION ALL
        SELECT
            'aircraft: ' || aircraft_record,
            CASE aircraft_record
                WHEN 'registered as a light aircraft' THEN 'blanked'
                ELSE 'kept'
            END,
            flight_id,
            departures.tailnum
        FROM aircraft
        JOIN departures USING (flight_id)
        WHERE aircraft_record <> 'known'

        UNION ALL
        SELECT 'airport not listed', 'kept', flight_id, departures.dest
        FROM aircraft
        JOIN departures USING (flight_id)
        WHERE destination IS NULL
        """
    )
    pond.write_table("quality", findings.order("rule, flight_id"))
    pond.write_table(
        "quality_summary",
        findings.query(
            "findings",
            """
            SELECT
                rule,
                action,
                count(*) AS flights,
                round(100 * count(*) / (SELECT count(*) FROM facts), 2) AS percent_of_flights,
                min(flight_id) AS example
            FROM findings
            GROUP BY rule, action
            ORDER BY flights DESC, rule
            """,
        ),
    )
