"""A small external pipeline service: the Databricks Jobs 2.1 calls that the Ponds make, and real
work behind them.

``python -m duckstring_cli.demos.external.service --data FOLDER`` runs it. It knows nothing of
Catchments.
"""
