"""$name is an Inlet: it brings data in from outside, and has no Sources."""

from duckstring import Pond, ripple

OUTSIDE = [
    (1, "2030-01-01", "ann", 12.50),
    (2, "2030-01-01", "bob", 8.00),
    (3, "2030-01-02", "ann", -12.50),
    (4, "2030-01-02", "cem", 99.90),
]


def fetch(after: int) -> list[tuple[int, str, str, float]]:
    """Rows of the outside system whose id is greater than ``after``.

    Put your own request here. Its settings come from ``pond.env("NAME")``.
    """
    return [row for row in OUTSIDE if row[0] > after]


@ripple
def load(pond: Pond) -> None:
    """Keep what was loaded before, and add what is new."""
    con = pond.con
    con.execute("CREATE TEMP TABLE all_rows (id INTEGER, day DATE, customer VARCHAR, amount DOUBLE)")
    last = 0
    if pond.has_table("$name"):
        con.execute('INSERT INTO all_rows FROM $own')
        (last,) = con.sql("SELECT coalesce(max(id), 0) FROM all_rows").fetchone()
    rows = fetch(after=last)
    if last and not rows:
        return pond.skip()  # nothing is new: Sinks have nothing to do
    if rows:
        con.executemany("INSERT INTO all_rows VALUES (?, ?, ?, ?)", rows)
    pond.write_table("$name", con.sql("FROM all_rows ORDER BY id"))
