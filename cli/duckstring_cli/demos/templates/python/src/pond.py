"""The Ripples of $name: each makes one or more tables, and starts when its parents are done."""

from duckstring import Pond, ripple


@ripple
def numbers(pond: Pond) -> None:
    """Publish ``numbers``. A table of a Source would be read with
    ``pond.read_table("source.table")``.
    """
    # A relation is lazy: DuckDB computes it as it is written.
    pond.write_table(
        "numbers", pond.con.sql("SELECT range AS n, range % 2 = 0 AS even FROM range(100)")
    )


@ripple(parents=[numbers])
def summary(pond: Pond) -> None:
    """Publish ``summary``, from the table that the parent wrote."""
    pond.read_table("numbers")  # now also a view that SQL knows as numbers
    pond.write_table(
        "summary",
        pond.con.sql(
            """
            SELECT even, count(*) AS numbers, sum(n) AS total
            FROM numbers
            GROUP BY even
            ORDER BY even
            """
        ),
    )
