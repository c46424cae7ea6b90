"""A bucket of moto's, and what an attempt reaches it by."""

from __future__ import annotations

import boto3
import pytest

from duckstring.adapters.aws.duck import Keys, S3Storage
from tests.moto_kit import moto_server

BUCKET = "the-bucket"


@pytest.fixture(scope="module")
def endpoint():
    with moto_server() as found:
        yield found


@pytest.fixture(scope="module")
def s3(endpoint):
    return with_bucket(endpoint)


def with_bucket(endpoint):
    """A client of S3 that has made the bucket."""
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket=BUCKET)
    return client


def storage_at(endpoint, folder):
    storage = S3Storage(BUCKET, "us-east-1", endpoint=endpoint)
    storage.settle(folder)
    storage.grant(Keys("key", "secret"))
    return storage
