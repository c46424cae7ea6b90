"""The Lambda function that shows what was published as Iceberg tables."""
