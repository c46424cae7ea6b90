"""The Lambda function that tells a receiver of OpenLineage of runs."""
