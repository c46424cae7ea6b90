"""What an author is told who reads tables of a Pond that is not among the Sources."""

import duckdb
import pytest
from botocore.exceptions import ClientError

from duckstring.author.refusals import refused_pond

HERE = ("s3://lake/", "https://lake.s3.eu-central-1.amazonaws.com/", "http://127.0.0.1:4566/lake/")
KEY = "data/orders@1/orders/0000000007-load-1-0a1b.parquet"


def denied(resource):
    told = f'User: arn is not authorized to perform: s3:GetObject on resource: "{resource}"'
    return ClientError({"Error": {"Code": "AccessDenied", "Message": told}}, "GetObject")


@pytest.mark.parametrize(
    "error",
    [
        duckdb.IOException(f"HTTP GET error reading 's3://lake/{KEY}' (HTTP 403 Forbidden)"),
        duckdb.IOException(
            f"Unable to connect to URL http://127.0.0.1:4566/lake/{KEY}: 403 Forbidden"
        ),
        duckdb.IOException(
            "HTTP GET error on 'http://127.0.0.1:4566/lake/?list-type=2&prefix=data%2Forders%401%2F'"
            " (HTTP 403)"
        ),
        denied(f"arn:aws:s3:::lake/{KEY}"),
    ],
)
def test_the_pond_is_named_whoever_asked(error):
    assert refused_pond(error, HERE) == "orders"


@pytest.mark.parametrize(
    "error",
    [
        duckdb.IOException(f"HTTP GET error reading 's3://lake/{KEY}' (HTTP 404 Not Found)"),
        duckdb.IOException(f"HTTP GET error reading 's3://other/{KEY}' (HTTP 403 Forbidden)"),
        duckdb.IOException("HTTP GET error reading 's3://lake/artifacts/x.zip' (HTTP 403)"),
        denied("arn:aws:s3:::other/data/orders@1/x"),
        ValueError("AccessDenied"),
    ],
)
def test_another_error_is_left_as_it_is(error):
    assert refused_pond(error, HERE) == ""


def test_a_storage_without_addresses_refuses_nobody():
    assert refused_pond(denied(f"arn:aws:s3:::lake/{KEY}"), ()) == ""
