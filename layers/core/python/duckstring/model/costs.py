"""What was used of AWS, as amounts by kind, and whose demand it served. All of it is arithmetic on
values: nothing here measures or reads.

``Used`` maps a kind to an amount. Kinds that were not used are left out. An item keeps the amounts
under short codes, because each kilobyte of an item costs another write.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal, get_args

Kind = Literal[
    "stepfunctions_transitions",
    "stepfunctions_requests",
    "lambda_invocations",
    "lambda_gb_seconds",
    "lambda_arm_gb_seconds",
    "lambda_scratch_gb_seconds",
    "fargate_vcpu_seconds",
    "fargate_gb_seconds",
    "fargate_arm_vcpu_seconds",
    "fargate_arm_gb_seconds",
    "dynamodb_requests",
    "dynamodb_read_units",
    "dynamodb_write_units",
    "sqs_fifo_requests",
    "sqs_requests",
    "s3_writes",
    "s3_reads",
    "s3_deletes",
    "eventbridge_events",
    "scheduler_requests",
    "secrets_reads",
    "log_bytes",
    "other_requests",
]
"""``dynamodb_requests`` cost nothing by themselves: their units do. ``s3_writes`` are PUT, POST,
COPY and LIST. ``other_requests`` are those that AWS does not bill: ECS, STS.
"""
KINDS: tuple[Kind, ...] = get_args(Kind)

Used = Mapping[Kind, float]
"""Amounts by kind, each above 0."""

NOTHING: Used = {}

_CODES: Mapping[Kind, str] = {
    "stepfunctions_transitions": "t",
    "stepfunctions_requests": "m",
    "lambda_invocations": "i",
    "lambda_gb_seconds": "g",
    "lambda_arm_gb_seconds": "ga",
    "lambda_scratch_gb_seconds": "gs",
    "fargate_vcpu_seconds": "fv",
    "fargate_gb_seconds": "fg",
    "fargate_arm_vcpu_seconds": "av",
    "fargate_arm_gb_seconds": "ag",
    "dynamodb_requests": "d",
    "dynamodb_read_units": "r",
    "dynamodb_write_units": "w",
    "sqs_fifo_requests": "q",
    "sqs_requests": "qs",
    "s3_writes": "sp",
    "s3_reads": "sg",
    "s3_deletes": "sd",
    "eventbridge_events": "e",
    "scheduler_requests": "c",
    "secrets_reads": "k",
    "log_bytes": "l",
    "other_requests": "o",
}
_KIND_OF = {code: kind for kind, code in _CODES.items()}

_MOST = 10_000_000.0
_MOST_OF: Mapping[Kind, float] = {"log_bytes": 1e12, "stepfunctions_transitions": 25_000.0}
"""A worker runs its author's code, and may write any amount into its row. More than this is no
attempt's: a day of the largest task has 10,368,000 GB-seconds, and an execution 25,000 events.
"""
_DIGITS = 4
_S3_WRITES = frozenset(
    {"PUT", "POST", "PutObject", "CopyObject", "CreateMultipartUpload", "UploadPart"}
    | {"CompleteMultipartUpload", "ListObjectsV2", "ListObjectVersions", "ListMultipartUploads"}
    | {"ListBuckets"}
)
_S3_DELETES = frozenset({"DELETE", "DeleteObject", "DeleteObjects", "AbortMultipartUpload"})
_OF_SERVICE: Mapping[str, Kind] = {
    "dynamodb": "dynamodb_requests",
    "stepfunctions": "stepfunctions_requests",
    "sfn": "stepfunctions_requests",
    "events": "eventbridge_events",
    "eventbridge": "eventbridge_events",
    "scheduler": "scheduler_requests",
    "secretsmanager": "secrets_reads",
    "secrets-manager": "secrets_reads",
}


def plus(*parts: Used) -> Used:
    """The sum, kind by kind."""
    total: dict[Kind, float] = {}
    for part in parts:
        for kind, amount in part.items():
            total[kind] = total.get(kind, 0) + amount
    return {kind: amount for kind, amount in total.items() if amount}


def times(used: Used, factor: float) -> Used:
    """Each amount, multiplied."""
    return {kind: amount * factor for kind, amount in used.items()}


def minus(whole: Used, part: Used) -> Used:
    """The difference, kind by kind. It may be negative."""
    return plus(whole, times(part, -1))


def not_negative(used: Used) -> Used:
    """The amounts above 0."""
    return {kind: amount for kind, amount in used.items() if amount > 0}


def to_text(used: Used) -> str:
    """The form that an item keeps."""
    return json.dumps(
        {_CODES[kind]: _brief(amount) for kind, amount in used.items() if amount > 0},
        separators=(",", ":"),
    )


def from_text(text: object) -> Used | None:
    """Read what ``to_text`` wrote. Anything else in the text is left out, and an amount that no
    attempt can have is cut. None: it is no such text.
    """
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    read = {_KIND_OF[code]: value for code, value in found.items() if code in _KIND_OF}
    return {
        kind: _brief(min(value, _MOST_OF.get(kind, _MOST)))
        for kind, value in read.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    }


def kind_of_request(service: str, operation: str, *, is_fifo: bool = False) -> Kind:
    """What a request to AWS counts as.

    Args:
        service: the service's name in an endpoint, or in a service model: ``s3``, ``dynamodb``.
        operation: the operation's name; of S3, the HTTP method will do.
        is_fifo: of SQS: whether the queue is one.
    """
    if service == "s3":
        if operation in _S3_DELETES:
            return "s3_deletes"
        return "s3_writes" if operation in _S3_WRITES else "s3_reads"
    if service == "sqs":
        return "sqs_fifo_requests" if is_fifo else "sqs_requests"
    return _OF_SERVICE.get(service, "other_requests")


FREE_SCRATCH_MIB, SCRATCH_MIB = 512, 10_240
"""The ephemeral storage of a function that is free, and what the ripple function has."""
LEAST_TASK_SECONDS = 60.0


def function_used(seconds: float, memory_mib: int, *, arm: bool, scratch_mib: int = 0) -> Used:
    """One invocation of a function that took ``seconds``. ``scratch_mib``: its ephemeral
    storage.
    """
    paid = max(0, scratch_mib - FREE_SCRATCH_MIB)
    kind: Kind = "lambda_arm_gb_seconds" if arm else "lambda_gb_seconds"
    return not_negative(
        {
            "lambda_invocations": 1,
            kind: seconds * memory_mib / 1024,
            "lambda_scratch_gb_seconds": seconds * paid / 1024,
        }
    )


def task_used(seconds: float, memory_mib: int, cpu_units: int, *, arm: bool) -> Used:
    """One task of Fargate that took ``seconds``; a minute at least is billed."""
    billed = max(seconds, LEAST_TASK_SECONDS)
    vcpu: Kind = "fargate_arm_vcpu_seconds" if arm else "fargate_vcpu_seconds"
    memory: Kind = "fargate_arm_gb_seconds" if arm else "fargate_gb_seconds"
    return {vcpu: billed * cpu_units / 1024, memory: billed * memory_mib / 1024}


LINE_BYTES = 26
"""CloudWatch Logs adds them to each event."""
INVOCATION_LOG_BYTES = 90 + 55 + 210 + 3 * LINE_BYTES
"""Of the lines START, END and REPORT that Lambda writes itself."""


def _brief(amount: float) -> float:
    """At most four digits after the point, and none where they are zero."""
    rounded = round(amount, _DIGITS)
    return int(rounded) if rounded == int(rounded) else rounded
