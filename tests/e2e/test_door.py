"""The door of a local Catchment: web pages, other users and strangers stay outside; tools with
the key come in.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import socket
import stat
import subprocess
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import duckdb
import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from duckstring_cli import catchments
from duckstring_cli.local.home import catchment_folder
from tests.e2e.conftest import make_role

BUCKET = "door"
KEY = "a b/c+d=é%20(1).txt"


@pytest.fixture(scope="module")
def door(local_catchment):
    """(port, access key), and a bucket with an object."""
    one = catchments.find(local_catchment.name)
    s3 = catchments.session(one).client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"inside")
    return one.port, catchments.require_running(one)


def raw(port, *lines, body=b""):
    """Send lines as they are; the answer's status line and the rest."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(
            "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body
        )
        connection.shutdown(socket.SHUT_WR)
        said = b""
        while more := connection.recv(65_536):
            said += more
    head, _, rest = said.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), head.decode().lower(), rest


def request(port, *headers, method="GET", path="/", version="HTTP/1.1", host=True, body=b""):
    named = [f"Host: 127.0.0.1:{port}"] if host else []
    return raw(port, f"{method} {path} {version}", *named, "Connection: close", *headers, body=body)


CREATE = (
    b'{"FunctionName":"evil","Runtime":"python3.12","Role":"arn:aws:iam::000000000000:role/x",'
    b'"Handler":"x.y","Code":{"ZipFile":""}}'
)
UNSIGNED = {
    "text/plain with a foreign Origin": {
        "method": "POST",
        "path": "/2015-03-31/functions",
        "headers": ["Content-Type: text/plain", "Origin: https://evil.example"],
        "body": CREATE,
    },
    "text/plain without an Origin": {
        "method": "POST",
        "path": "/2015-03-31/functions",
        "headers": ["Content-Type: text/plain"],
        "body": CREATE,
    },
    "a form": {
        "method": "POST",
        "headers": ["Content-Type: application/x-www-form-urlencoded"],
        "body": b"Action=ListUsers&Version=2010-05-08",
    },
    "an upload form": {
        "method": "POST",
        "path": f"/{BUCKET}",
        "headers": ["Content-Type: multipart/form-data; boundary=x"],
        "body": b"--x--",
    },
    "no-cors GET": {
        "path": f"/{BUCKET}",
        "headers": ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"],
    },
    "an image": {"path": f"/{BUCKET}/x.png"},
    "rebinding": {"headers": ["Host: evil.example"], "host": False},
    "two hosts": {"headers": ["Host: evil.example"]},
    "no host, HTTP/1.0": {"version": "HTTP/1.0", "host": False},
    "no host, HTTP/1.1": {"host": False},
    "absolute target": {"path": "http://evil.example/"},
    "absolute target, own host": {"path": "http://127.0.0.1/"},
    "forwarded host": {"headers": ["X-Forwarded-Host: 127.0.0.1"]},
    "web socket": {
        "headers": [
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAAA",
        ]
    },
    "upgrade to HTTP/2": {
        "headers": [
            "Upgrade: h2c",
            "Connection: Upgrade, HTTP2-Settings",
            "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        ]
    },
    "preflight": {
        "method": "OPTIONS",
        "headers": ["Origin: https://evil.example", "Access-Control-Request-Method: POST"],
    },
    "bare preflight": {"method": "OPTIONS"},
    "key id alone, in the query": {
        "path": f"/{BUCKET}?X-Amz-Credential={{id}}/20260101/us-east-1/s3/aws4_request"
    },
    "key id alone, old": {
        "path": f"/{BUCKET}/x?AWSAccessKeyId={{id}}&Signature=x&Expires=99999999999"
    },
    "key id alone, in the header": {
        "headers": [
            (
                "Authorization: AWS4-HMAC-SHA256 "
                "Credential={id}/20260101/us-east-1/s3/aws4_request, "
                "SignedHeaders=host, Signature=0"
            ),
            "X-Amz-Date: 20260101T000000Z",
        ]
    },
    "key as a password": {"headers": ["Authorization: Basic {id}:x"]},
    "key of Signature Version 2": {
        "path": f"/{BUCKET}",
        "headers": ["Authorization: AWS {id}:x", "Date: x"],
    },
    "a signature that is not ASCII": {
        "headers": [
            "Authorization: {known}, SignedHeaders=host;x-amz-date, Signature=\xe9",
            "X-Amz-Date: {now}",
        ]
    },
    "a signature that is not ASCII, in the query": {
        "path": (
            f"/{BUCKET}/x?X-Amz-Algorithm=AWS4-HMAC-SHA256"
            "&X-Amz-Credential={id}%2F{day}%2Fus-east-1%2Fs3%2Faws4_request"
            "&X-Amz-Date={now}&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=%C3%A9"
        )
    },
    "a signature that is not ASCII, old": {
        "path": f"/{BUCKET}/x?AWSAccessKeyId={{id}}&Signature=%C3%A9&Expires=99999999999"
    },
    "the key of the release before": {
        "headers": [
            (
                "Authorization: AWS4-HMAC-SHA256 "
                "Credential=test/20260101/us-east-1/s3/aws4_request, "
                "SignedHeaders=host, Signature=0"
            ),
            "X-Amz-Date: 20260101T000000Z",
        ]
    },
}
PAGES = [
    "health",
    "ready",
    "config",
    "sqs/messages",
    "ses/messages",
    "lambda-code/x",
    "lambda-layers/x/1/content",
    "cfn-response/x",
    "rds/iam-auth",
]
OWN = [
    f"/_ministack/{page}"
    for page in [*PAGES, "reset", "cfn-response/11111111-1111-1111-1111-111111111111"]
] + [
    "/_duckstring",
    "/_localstack/health",
    "/_aws/lambda-url/x/",
    "/_aws/execute-api/x/y",
    "/health",
    "/latest/meta-data",
    "/latest/api/token",
    "/v2/credentials/11111111-1111-1111-1111-111111111111",
    "/v4/11111111111111111111111111111111/task",
    "/oauth2/token",
    "/%5fministack/reset",
    "//_ministack/reset",
]


@pytest.mark.parametrize("name", UNSIGNED)
def test_what_a_web_page_or_a_stranger_sends_is_refused(door, name):
    port, key = door
    given = {"headers": [], **UNSIGNED[name]}
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    known = f"AWS4-HMAC-SHA256 Credential={key.access_key_id}/{now[:8]}/us-east-1/s3/aws4_request"
    named = {"id": key.access_key_id, "now": now, "day": now[:8], "known": known}
    headers = [one.format_map(named) for one in given.pop("headers")]
    given["path"] = given.get("path", "/").format_map(named)
    status, head, _ = request(port, *headers, **given)
    assert status in {400, 403}
    assert "access-control" not in head


def test_no_function_was_made(door, access):
    assert "evil" not in {
        one["FunctionName"] for one in access.client("lambda").list_functions()["Functions"]
    }


@pytest.mark.parametrize("path", OWN)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_the_emulators_own_pages_need_the_key(door, path, method):
    status, head, _ = request(door[0], path=path, method=method)
    assert status in {400, 403}
    assert "access-control" not in head


@pytest.mark.parametrize(
    "signed",
    [
        ("test", "test"),
        ("000000000000", "test"),
        ("{id}", "test"),
        ("AKIAIOSFODNN7EXAMPLE", "{secret}"),
    ],
)
@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("s3", "list_buckets"),
        ("lambda", "list_functions"),
        ("sts", "get_caller_identity"),
        ("sqs", "list_queues"),
    ],
)
def test_a_wrong_key_is_refused_in_words_that_an_sdk_reads(door, signed, service, call):
    port, key = door
    given = [
        one.replace("{id}", key.access_key_id).replace("{secret}", key.secret_access_key)
        for one in signed
    ]
    stranger = boto3.Session(*given, region_name="us-east-1").client(
        service, endpoint_url=f"http://127.0.0.1:{port}"
    )
    with pytest.raises(ClientError) as refused:
        getattr(stranger, call)()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert refused.value.response["Error"]["Code"] not in {"403", "Unknown"}


def test_a_request_that_was_recorded_is_soon_of_no_use(door, access, monkeypatch):
    signed_at = datetime.now(UTC) - timedelta(minutes=20)
    monkeypatch.setattr(
        "botocore.auth.get_current_datetime", lambda *_, **__: signed_at.replace(tzinfo=None)
    )
    with pytest.raises(ClientError) as refused:
        access.client("dynamodb").list_tables()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in {400, 403}


def test_the_printed_environment_is_enough_for_boto3(door, duckstring):
    printed = duckstring.done("catchment", "env", "test")
    named = json.loads(duckstring.done("catchment", "env", "test", "--json"))
    script = (
        "import boto3; "
        "print(boto3.client('s3').head_bucket(Bucket='door')['ResponseMetadata']['HTTPStatusCode'])"
    )
    shell = f"export AWS_PROFILE=none\n{printed}\npython -c {shlex.quote(script)}"
    path = f"{Path(os.sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", shell], env={"PATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "200\n"
    assert {f"export {name}={shlex.quote(value)}" for name, value in named.items()} < set(
        printed.splitlines()
    )


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_presigned_url_opens_its_object_and_nothing_else(door, access, version):
    port, _ = door
    s3 = access.client("s3", config=Config(signature_version=version))
    url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": KEY})
    assert urllib.request.urlopen(url).read() == b"inside"
    where = url.partition(f":{port}")[2]
    other = where.replace("/door/a%20b", "/door/other")
    assert request(port, path=where)[0] == 200
    for changed in (
        other,
        f"{where}&uploads",
        f"{where}&acl",
        f"{where}&Action=ListUsers",
        where.replace("/door/", "/_ministack/"),
    ):
        assert request(port, path=changed)[0] == 403
    for header in (
        "X-Amz-Target: DynamoDB_20120810.ListTables",
        "Authorization: AWS4-HMAC-SHA256 Credential=x/1/r/dynamodb/a",
        "Origin: null",
    ):
        assert request(port, header, path=where)[0] in {400, 403}
    assert request(port, path=where, method="DELETE")[0] == 403
    late = s3.generate_presigned_url(
        "get_object", Params={"Bucket": BUCKET, "Key": KEY}, ExpiresIn=-5
    )
    assert request(port, path=late.partition(f":{port}")[2])[0] == 403


def test_a_presigned_upload_arrives(door, access):
    s3 = access.client("s3", config=Config(signature_version="s3v4"))
    url = s3.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": "up"})
    urllib.request.urlopen(urllib.request.Request(url, data=b"up", method="PUT")).read()
    assert s3.get_object(Bucket=BUCKET, Key="up")["Body"].read() == b"up"
    copied = urllib.request.Request(
        url,
        data=b"",
        method="PUT",
        headers={"x-amz-copy-source": f"/{BUCKET}/{urllib.request.quote(KEY)}"},
    )
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(copied)


def test_duckdb_reads_and_writes_with_the_key(door):
    port, key = door
    extension = __import__("duckdb_extension_httpfs").__path__[0]
    with duckdb.connect() as con:
        con.execute(f"LOAD '{extension}/extensions/v{duckdb.__version__}/httpfs.duckdb_extension'")
        secret = (
            f"KEY_ID '{key.access_key_id}', SECRET '{key.secret_access_key}', REGION 'us-east-1'"
        )
        con.execute(
            f"CREATE SECRET (TYPE s3, {secret}, ENDPOINT '127.0.0.1:{port}', URL_STYLE 'path', "
            "USE_SSL false)"
        )
        # Names that have to be escaped in a path.
        rows = "SELECT i, i % 2 AS p, 'a b+' || i % 3 AS q FROM range(100) t(i)"
        con.execute(f"COPY ({rows}) TO 's3://door/hive' (FORMAT parquet, PARTITION_BY (p, q))")
        assert con.sql(
            "SELECT count(*), count(DISTINCT q) FROM 's3://door/hive/**/*.parquet'"
        ).fetchone() == (100, 3)


def test_what_an_assumed_role_signs_is_accepted(door, access):
    role = access.client("sts").assume_role(
        RoleArn=make_role(access, "reader", "s3:*"), RoleSessionName="door"
    )["Credentials"]
    given = (role["AccessKeyId"], role["SecretAccessKey"], role["SessionToken"])
    s3 = boto3.Session(*given, region_name="us-east-1").client(
        "s3", endpoint_url=f"http://127.0.0.1:{door[0]}"
    )
    assert s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == b"inside"
    stale = boto3.Session(given[0], given[1], region_name="us-east-1").client(
        "s3", endpoint_url=f"http://127.0.0.1:{door[0]}"
    )
    with pytest.raises(ClientError):
        stale.list_buckets()


def test_nothing_of_it_is_readable_by_others(door):
    folder = catchment_folder("test")
    places = [folder, folder.parent / ".layers"]
    loose = {
        str(path): oct(mode)
        for place in places
        for path in (place, *place.rglob("*"))
        if not path.is_symlink()
        and path.exists()
        and (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077
    }
    assert loose == {}


def test_it_listens_on_this_machine_alone(door):
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", door[0]), timeout=2)


def _signed(port, key, service, method, path, body, **headers):
    made = AWSRequest(method, f"http://127.0.0.1:{port}{path}", data=body, headers=headers)
    signer = (S3SigV4Auth if service == "s3" else SigV4Auth)(
        Credentials(key.access_key_id, key.secret_access_key), service, "us-east-1"
    )
    if declared := headers.get("X-Amz-Content-SHA256"):
        signer.payload = lambda _: declared
    signer.add_auth(made)
    return dict(made.headers.items())


def _sent(port, method, path, headers, body):
    return request(
        port,
        *(f"{name}: {value}" for name, value in headers.items()),
        method=method,
        path=path,
        body=body,
    )


def test_a_signed_request_carries_no_other_body(door):
    """Whoever recorded one must not have it do something else, by a hash beside another body."""
    port, key = door
    put = _signed(port, key, "s3", "PUT", f"/{BUCKET}/signed", b"mine")
    assert _sent(port, "PUT", f"/{BUCKET}/signed", put, b"other")[0] in {400, 403}
    assert _sent(port, "PUT", f"/{BUCKET}/signed", put, b"mine")[0] == 200

    named = {
        "X-Amz-Target": "DynamoDB_20120810.ListTables",
        "Content-Type": "application/x-amz-json-1.0",
    }
    listed = _signed(port, key, "dynamodb", "POST", "/", b'{"Limit":1}', **named)
    loose = {**listed, "X-Amz-Content-Sha256": hashlib.sha256(b'{"Limit":1}').hexdigest()}
    assert _sent(port, "POST", "/", loose, b'{"Limit":2}')[0] in {400, 403}
    assert _sent(port, "POST", "/", loose, b'{"Limit":1}')[0] == 200


CHUNKED = "Transfer-Encoding: chunked"
FORM = "Content-Type: application/x-www-form-urlencoded"


def _lines(headers, *, without=()):
    return [f"{name}: {value}" for name, value in headers.items() if name.lower() not in without]


def _late(port, lines, body, trailer, *, method="PUT", path="/"):
    """Send a body in chunks, and after it lines that a server may take for headers: when the
    head was looked at, and with the head.
    """
    head = [
        f"{method} {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Connection: close",
        CHUNKED,
        *lines,
        "",
        "",
    ]
    chunks = (
        (f"{len(body):x}\r\n".encode() + body + b"\r\n" if body else b"")
        + b"0\r\n"
        + trailer.encode()
        + b"\r\n\r\n"
    )
    found = []
    for pause in (0, 0.3):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            parts = ["\r\n".join(head).encode(), chunks]
            for part in parts if pause else [b"".join(parts)]:
                connection.sendall(part)
                time.sleep(pause)
            said = b""
            while more := connection.recv(65_536):
                said += more
        found.append(int(said.split(b" ", 2)[1]))
    return found


def _url(access, operation, port, *, version="s3v4", **params):
    s3 = access.client("s3", config=Config(signature_version=version))
    return s3.generate_presigned_url(operation, Params={"Bucket": BUCKET, **params}).partition(
        f":{port}"
    )[2]


def _keys(access):
    return {one["Key"] for one in access.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]}


ACTIONS = [
    "Action=CreateUser&UserName=eve&Version=2010-05-08",
    "Action=CreateAccessKey&UserName=eve&Version=2010-05-08",
    "Action=GetSessionToken&Version=2011-06-15",
    "Action=ListQueues&Version=2012-11-05",
    "Action=CreateVpc&CidrBlock=10.9.0.0/16&Version=2016-11-15",
]


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    ("method", "operation"),
    [
        ("POST", "create_multipart_upload"),
        ("PUT", "put_object"),
        ("GET", "get_object"),
        ("DELETE", "delete_object"),
    ],
)
def test_a_form_does_not_lead_a_presigned_url_to_another_service(
    door, access, method, operation, action
):
    """Its body and the type of it are not signed, and the emulator looks into forms for what is
    wanted.
    """
    port, _ = door
    path = _url(access, operation, port, Key=f"form-{method}" if method != "GET" else KEY)
    status, _, said = request(port, FORM, path=path, method=method, body=action.encode())
    assert status in {200, 204}
    assert not any(
        word in said
        for word in (
            b"UserName",
            b"AccessKey",
            b"SessionToken",
            b"QueueUrl",
            b"vpcId",
            b"ListQueues",
        )
    )
    assert "eve" not in {one["UserName"] for one in access.client("iam").list_users()["Users"]}


@pytest.mark.parametrize("bucket", ["iceberg", "health", "clusters", "latest", "v20180820"])
def test_a_presigned_url_is_for_s3_whatever_its_path(door, access, bucket):
    """The emulator has pages and data planes by those names."""
    port, _ = door
    s3 = access.client("s3", config=Config(signature_version="s3v4"))
    put, got = (
        s3.generate_presigned_url(name, Params={"Bucket": bucket, "Key": "v1"}).partition(
            f":{port}"
        )[2]
        for name in ("put_object", "get_object")
    )
    status, _, said = request(port, path=put, method="PUT", body=b"x")
    assert (status, b"NoSuchBucket" in said) == (404, True)
    assert b"NoSuchBucket" in request(port, path=got)[2]


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_lines_in_a_body_do_not_become_headers_of_a_presigned_url(door, access, version):
    port, _ = door
    path = _url(access, "put_object", port, version=version, Key="lifted")
    source = urllib.request.quote(f"/{BUCKET}/{KEY}")
    headers = f"x-amz-copy-source: {source}\r\nx-amz-target: secretsmanager.ListSecrets\r\n"
    body = f"0\r\n{headers}\r\n".encode()
    status, _, said = request(
        port, "Content-Encoding: aws-chunked", path=path, method="PUT", body=body
    )
    assert (status, b"CopyObjectResult" in said, b"SecretList" in said) == (403, False, False)


def test_of_the_lines_after_a_signed_body_only_checksums_are_headers(door, access):
    port, key = door
    declared = {
        "X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "Content-Encoding": "aws-chunked",
    }
    headers = _signed(port, key, "s3", "PUT", f"/{BUCKET}/trailing", None, **declared)
    tail = (
        f"x-amz-copy-source: {urllib.request.quote(f'/{BUCKET}/{KEY}')}\r\n"
        "x-amz-target: secretsmanager.ListSecrets\r\n"
    )
    body = f"4\r\nmine\r\n0\r\n{tail}\r\n".encode()
    assert _sent(port, "PUT", f"/{BUCKET}/trailing", headers, body)[0] == 200
    assert access.client("s3").get_object(Bucket=BUCKET, Key="trailing")["Body"].read() == b"mine"


@pytest.mark.parametrize(
    "trailer",
    [
        "x-amz-target: secretsmanager.ListSecrets",
        "x-amz-copy-source: /{bucket}/{key}",
        "x-any: thing",
    ],
)
def test_a_header_cannot_be_added_after_the_body(door, access, trailer):
    """A line after the last chunk was a header of the request, when the signature had been
    looked at.
    """
    port, key = door
    trailer = trailer.format(bucket=BUCKET, key=urllib.request.quote(KEY))
    signed = _lines(
        _signed(port, key, "s3", "PUT", f"/{BUCKET}/late", b"mine"), without=("content-length",)
    )
    assert set(_late(port, signed, b"mine", trailer, path=f"/{BUCKET}/late")) <= {400, 403}
    assert set(
        _late(port, [], b"mine", trailer, path=_url(access, "put_object", port, Key="late"))
    ) <= {400, 403}
    asked = _lines(_signed(port, key, "s3", "GET", "/", b""), without=("content-length",))
    assert set(_late(port, asked, b"", trailer, method="GET")) <= {400, 403}
    assert "late" not in _keys(access)


def test_an_upgrade_does_not_make_an_upload_an_empty_object(door, access):
    port, key = door
    upgrade = [
        "Upgrade: h2c",
        "Connection: Upgrade, HTTP2-Settings",
        "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
    ]
    unsigned = _lines(
        _signed(
            port,
            key,
            "s3",
            "PUT",
            f"/{BUCKET}/upgraded",
            None,
            **{"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"},
        )
    )
    for path, lines in (
        (f"/{BUCKET}/upgraded", unsigned),
        (_url(access, "put_object", port, Key="upgraded"), []),
    ):
        named = [f"PUT {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *upgrade, *lines]
        status, head, said = raw(port, *named, body=b"important")
        assert (status, "connection: close" in head, b"HTTP/1.1" in said) == (403, True, True)
    assert "upgraded" not in _keys(access)


def test_what_is_not_signed_does_not_change_what_a_signed_request_does(door):
    port, key = door
    target = {
        "X-Amz-Target": "secretsmanager.ListSecrets",
        "Content-Type": "application/x-amz-json-1.1",
    }
    listed = _signed(port, key, "secretsmanager", "POST", "/", b"{}", **target)
    assert _sent(port, "POST", "/", listed, b"{}")[0] == 200
    for path in (
        "//",
        "/./",
        "/x/..",
        "/iceberg/v1/config/../../..",
        "/_aws/lambda-url/x/../../..",
    ):
        assert _sent(port, "POST", path, listed, b"{}")[0] in {400, 403}

    scope = f"Credential={key.access_key_id}/20300101/us-east-1/iam/aws4_request"
    twice = listed["Authorization"].replace("AWS4-HMAC-SHA256 ", f"AWS4-HMAC-SHA256 {scope}, ")
    assert _sent(port, "POST", "/", {**listed, "Authorization": twice}, b"{}")[0] in {400, 403}

    bare = _signed(port, key, "monitoring", "POST", "/", b"Action=ListMetrics&Version=2010-08-01")
    for added in (
        FORM,
        "Content-Type: application/cbor",
        "Smithy-Protocol: rpc-v2-cbor",
        "Content-Encoding: gzip",
        "X-Amzn-Query-Mode: true",
    ):
        name, _, value = added.partition(": ")
        assert _sent(
            port, "POST", "/", {**bare, name: value}, b"Action=ListMetrics&Version=2010-08-01"
        )[0] in {400, 403}


@pytest.mark.parametrize(
    ("service", "declared"),
    [
        ("s3", "STREAMING-FOO"),
        ("s3", "STREAMING-UNSIGNED-PAYLOAD"),
        ("s3", "UNSIGNED-PAYLOAD-FOO"),
        ("s3", "x"),
        ("dynamodb", "UNSIGNED-PAYLOAD"),
        ("dynamodb", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
    ],
)
def test_a_body_is_signed_in_a_way_that_is_known(door, access, service, declared):
    port, key = door
    path = f"/{BUCKET}/odd" if service == "s3" else "/"
    headers = _signed(port, key, service, "PUT", path, None, **{"X-Amz-Content-SHA256": declared})
    assert _sent(port, "PUT", path, headers, b"3\r\nodd\r\n0\r\n\r\n")[0] in {400, 403}
    assert "odd" not in _keys(access)


@pytest.mark.parametrize(
    "chunk",
    [b"4;chunk-signature=00\r\nmine\r\n", "4;chunk-signature=\xe9\r\nmine\r\n".encode(), b"mine"],
)
def test_a_chunk_with_another_signature_is_refused(door, access, chunk):
    port, key = door
    declared = {
        "X-Amz-Content-SHA256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "Content-Encoding": "aws-chunked",
    }
    headers = _signed(port, key, "s3", "PUT", f"/{BUCKET}/chunk", None, **declared)
    assert _sent(port, "PUT", f"/{BUCKET}/chunk", headers, chunk + b"0;chunk-signature=00\r\n\r\n")[
        0
    ] in {400, 403}
    assert "chunk" not in _keys(access)


def _answered_before_the_body(port, *lines, path="/", sent=b""):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        head = [
            f"PUT {path} HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Content-Length: 300000000",
            *lines,
            "",
            "",
        ]
        connection.sendall("\r\n".join(head).encode() + sent)
        return int(connection.recv(65_536).split(b" ", 2)[1])


def test_a_wrong_signature_is_refused_before_the_body_comes(door):
    port, key = door
    right = _signed(port, key, "s3", "PUT", f"/{BUCKET}/large", b"mine")
    wrong = {**right, "Authorization": right["Authorization"][:-4] + "0000"}
    assert (
        _answered_before_the_body(
            port, *_lines(wrong, without=("content-length",)), path=f"/{BUCKET}/large", sent=b"mi"
        )
        == 403
    )


def test_a_body_whose_hash_is_not_in_the_head_has_a_limit(door):
    """Its signature can be checked once all of it is here."""
    port, key = door
    named = _signed(
        port, key, "dynamodb", "PUT", "/", b"{}", **{"X-Amz-Target": "DynamoDB_20120810.ListTables"}
    )
    assert _answered_before_the_body(port, *_lines(named, without=("content-length",))) == 413


def test_a_presigned_url_does_not_open_the_servers_own_pages(door):
    port, key = door
    signer = S3SigV4QueryAuth(
        Credentials(key.access_key_id, key.secret_access_key), "s3", "us-east-1", expires=60
    )
    for path in ("/_duckstring", "/_ministack/reset", "/_ministack/rds/iam-auth"):
        made = AWSRequest("POST", f"http://127.0.0.1:{port}{path}")
        signer.add_auth(made)
        assert request(port, path=made.url.partition(f":{port}")[2], method="POST")[0] == 403
