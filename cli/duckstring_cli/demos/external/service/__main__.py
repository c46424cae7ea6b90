"""Starts the service."""

from duckstring_cli.demos.external.service.databricks import main

if __name__ == "__main__":
    main()
