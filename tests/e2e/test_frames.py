"""Frames of polars, pandas and Arrow in a Catchment: their packages are larger than Lambda allows
zips, which a Catchment on this machine does not mind.
"""

from __future__ import annotations

from infra.layers import ZIP_LIMIT


def test_a_ripple_reads_and_writes_frames_of_every_library(driver):
    driver.deploy(
        driver.pond(
            "frames",
            """
            from datetime import date, datetime, time, timedelta, timezone
            from decimal import Decimal

            VALUES = {
                "whole": [1, None], "number": [1.5, None], "text": ["a'b", None],
                "yes": [True, None], "day": [date(2026, 1, 31), None],
                "at": [datetime(2026, 1, 31, 12, tzinfo=timezone.utc), None],
                "clock": [time(12, 30), None], "long": [timedelta(days=1), None],
                "money": [Decimal("1.25"), None], "raw": [b"\\x00", None],
                "many": [[1, 2], None], "parts": [{"x": 1}, None],
            }

            @ripple
            def of_polars(pond):
                import polars
                packages = Path(polars.__file__).parents[1]
                size = sum(path.stat().st_size for path in packages.rglob("*") if path.is_file())
                pond.write_table("packages", f"SELECT {size} AS size")
                pond.write_table("of_polars", polars.DataFrame(VALUES))
                pond.write_table("of_lazy", polars.LazyFrame(VALUES).filter(polars.col("yes")))

            @ripple(parents=[of_polars])
            def of_arrow(pond):
                import pyarrow
                pond.write_table("of_arrow", pyarrow.table(VALUES))
                # polars reads no INTERVAL.
                known = pond.read_table("of_polars").project("* EXCLUDE (long)")
                pond.write_table("polars_again", known.pl())

            @ripple(parents=[of_arrow])
            def of_pandas(pond):
                import pandas
                some = {name: VALUES[name] for name in ("number", "text", "at")}
                pond.write_table("of_pandas", pandas.DataFrame(some))
                pond.write_table("arrow_again", pond.read_table("of_arrow").to_arrow_table())
                pond.write_table("pandas_again", pond.read_table("of_pandas").df())
            """,
        )
    )
    driver.wait_fresh("frames", driver.pulse("frames"))
    read = {
        table: driver.rows("frames", table)
        for table in ("of_polars", "polars_again", "of_arrow", "arrow_again")
    }
    without = [{key: row[key] for key in row if key != "long"} for row in read["of_polars"]]
    assert read["polars_again"] == without
    assert read["of_arrow"] == read["arrow_again"]
    assert read["of_polars"] == read["of_arrow"]
    assert len(read["of_polars"]) == 2
    assert driver.rows("frames", "of_lazy") == read["of_polars"][:1]
    assert driver.rows("frames", "of_pandas") == driver.rows("frames", "pandas_again")
    ((size,),) = (row.values() for row in driver.rows("frames", "packages"))
    assert size > ZIP_LIMIT
