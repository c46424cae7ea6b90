"""$name grows: each run adds what its Source has that it does not have yet."""

from duckstring import Pond, ripple


@ripple
def add(pond: Pond) -> None:
    """Add the rows that have come since the last run."""
    if not pond.has_table("$name"):
        pond.write_table("$name", 'SELECT *, 1 AS seen_in_run FROM $from ORDER BY id')
        return
    if not pond.sources_changed():
        pond.skip()  # it stays as it is, and Sinks have nothing to do
        return
    # Within a run, pond.con sees the Pond's own tables as they were published last.
    pond.write_table(
        "$name",
        """
        FROM $own
        UNION ALL BY NAME  -- a Source may get more columns
        SELECT *, (SELECT coalesce(max(seen_in_run), 0) + 1 FROM $own) AS seen_in_run
        FROM $from
        WHERE id > (SELECT coalesce(max(id), 0) FROM $own)
        ORDER BY id
        """,
    )
