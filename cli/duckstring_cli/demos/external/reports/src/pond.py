"""Which external run made what, and from which runs, with links to each run's own page.

The Source snapshots are pinned when this Pond's run starts. After a Pulse they are exactly the runs
that fed ``sales``; under a Wave an Inlet may already be one run ahead of the one that ``sales``
read.
"""

from duckstring import Pond, ripple


@ripple
def pipeline_runs(pond: Pond) -> None:
    """Publish ``pipeline_runs``: the newest run of each pipeline."""
    for pipeline in ("transactions", "products", "sales"):
        pond.read_table(f"{pipeline}.run")
    runs = pond.con.sql(
        """
        SELECT 'transactions' AS pipeline, run_id, url FROM transactions.run
        UNION ALL
        SELECT 'products', run_id, url FROM products.run
        UNION ALL
        SELECT 'sales', run_id, url FROM sales.run
        """
    )
    pond.write_table("pipeline_runs", runs.order("pipeline"))


@ripple(parents=[pipeline_runs])
def lineage(pond: Pond) -> None:
    """Publish ``lineage``: each run of ``sales`` beside the runs it builds on."""
    pond.read_table("pipeline_runs")
    links = pond.con.sql(
        """
        SELECT
            sink.pipeline,
            sink.run_id,
            sink.url,
            source.pipeline AS source,
            source.run_id AS source_run_id,
            source.url AS source_url
        FROM pipeline_runs AS sink
        JOIN pipeline_runs AS source ON source.pipeline <> sink.pipeline
        WHERE sink.pipeline = 'sales'
        ORDER BY source
        """
    )
    pond.write_table("lineage", links)
