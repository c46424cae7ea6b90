"""The options of a deployment, read from the CDK's context. No AWS call, no CDK construct."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from duckstring.errors import OperatorError
from duckstring.model.arrivals import parse_buckets
from duckstring.model.durations import seconds_of
from duckstring.model.environment import parse_environment
from duckstring.model.iceberg import names_databases
from duckstring.model.openlineage import parse_receiver
from duckstring.model.retention import DAYS_RULE, KEPT, MOST_SNAPSHOTS, Retention, days_of

_CATCHMENT = re.compile(r"^[a-z][a-z0-9-]{0,31}$")
_PYTHON = re.compile(r"^3\.(1[234])$")
"""What Lambda runs on Amazon Linux 2023; the layers are built for its libraries."""
_ANY_PYTHON = re.compile(r"^3\.(1[1-9])$")
_ARCHITECTURES = ("x86_64", "arm64")
_SUBNETS = re.compile(r"^subnet-[0-9a-f]{8,17}(,subnet-[0-9a-f]{8,17}){0,15}$")
_SECURITY_GROUP = re.compile(r"^sg-[0-9a-f]{8,17}$")
_POLICY = re.compile(
    r"^arn:aws(-cn|-us-gov)?:iam::(aws|[0-9]{12}):policy/[A-Za-z0-9+=,.@_/-]{1,512}$"
)
_POLICY_NAME = re.compile(r"^[A-Za-z0-9+=,.@_-]{1,128}$")
_MOST_POLICIES = 8
"""Of the ten that a role takes, two may be CDK's."""
_KEY = re.compile(
    r"^arn:aws(-cn|-us-gov)?:kms:[a-z0-9-]{1,32}:[0-9]{12}:key/(mrk-)?[0-9a-f][0-9a-f-]{31,35}$"
)
_TAG = re.compile(
    r"^(?!aws:|duckstring:)[\w +.:/@-]{1,128}=[\w +=.:/@-]{0,256}$", re.ASCII | re.IGNORECASE
)
_MOST_TAGS = 40
"""Of the fifty that a resource takes, some are CloudFormation's, the CDK's and ours."""
_TOPIC = re.compile(r"^arn:aws(-cn|-us-gov)?:sns:[a-z0-9-]{1,32}:[0-9]{12}:[A-Za-z0-9_-]{1,256}$")
_EMAIL = re.compile(r"^[^\s@,]{1,64}@[^\s@,]{1,255}$")
_MOST_DAYS = 36_500
_LONGEST_LAKE = 300
"""Seconds: the longest that Lambda waits for a batch."""
_IMAGE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,511}$")
_TABLE = re.compile(r"^[A-Za-z0-9_.-]{3,255}$")
_BUCKET = re.compile(r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
_SECRET = re.compile(
    r"^arn:aws(-cn|-us-gov)?:secretsmanager:[a-z0-9-]{1,32}:[0-9]{12}:secret:"
    r"[A-Za-z0-9/_+=.@-]{1,512}-[A-Za-z0-9]{6}$"
)


@dataclass(frozen=True, slots=True)
class Network:
    """Where tasks run, and ``functions`` if so, instead of a network of the Catchment's own."""

    subnets: tuple[str, ...]
    security_group: str
    public_ip: bool = False
    functions: bool = False


@dataclass(frozen=True, slots=True)
class Attached:
    """Stores that exist already, which the stack uses instead of making its own: the names of a
    table and of a bucket, the ARN of a secret. Empty: the stack makes that one.
    """

    table: str = ""
    bucket: str = ""
    secret: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One Catchment's deployment.

    ``platform`` is what uv calls the platform that layers are built for; empty: Lambda's for
    ``architecture``; ``host``: this machine's, with any Python that Duckstring runs on.
    ``reserved`` is the orchestrator's reserved concurrency; None: it takes from the account's.
    ``history_days`` is how long runs and attempts are remembered; None: for ever.
    ``journal_days``: how long the letters of lines are; None: not at all.
    ``retention``: how many snapshots of a Pond are kept that says nothing of it.
    ``arrivals`` are the buckets whose new objects may trigger Ponds. ``function_timeout_seconds``
    is the time that an attempt of a Ripple has in the function before it continues as a task.
    ``image`` is an existing image for tasks; empty: it is built from this repository. ``network``
    None: tasks have a network of their own. ``policies`` are managed policies that give the workers
    more permissions in the user's account. ``isolation``: each attempt of a Ripple has
    credentials of its own, for what its Pond may reach; without it every Ripple may reach what any
    of them may. ``alarm_topic`` and ``alarm_emails`` are told when an alarm rings, and when it is
    over. ``people``: whether the stack has managed policies for people. ``kms_key`` encrypts what
    is stored, instead of AWS's own keys. ``permissions_boundary`` is the name or the ARN of a
    policy that limits every role. ``tags`` are on every resource. ``attached`` are stores that
    outlived another stack, or were restored. ``dashboard``: whether there is one, which costs $3 a
    month. ``lake_seconds``: how long the exporter waits for more to be published; None: there is no
    lake. ``iceberg``: whether published tables are Iceberg tables in Glue, too. ``openlineage``:
    the address that gets events of lineage; empty: nobody does.
    """

    catchment: str = "dev"
    python: str = "3.12"
    architecture: str = "x86_64"
    platform: str = ""
    ephemeral: bool = False
    bytecode: bool = True
    memory_mib: int = 2048
    function_timeout_seconds: int = 900
    image: str = ""
    network: Network | None = None
    reserved: int | None = None
    history_days: int | None = 400
    journal_days: int | None = 30
    retention: Retention = KEPT
    requirements: str = ""
    build: Path = Path(".build")
    arrivals: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    isolation: bool = True
    alarm_topic: str = ""
    alarm_emails: tuple[str, ...] = ()
    people: bool = True
    kms_key: str = ""
    permissions_boundary: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    attached: Attached = Attached()
    dashboard: bool = True
    lake_seconds: int | None = 60
    iceberg: bool = False
    openlineage: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, get: Callable[[str], object]) -> Config:
        """The deployment that ``cdk -c key=value`` describes.

        Raises:
            OperatorError: a value is not allowed.
        """

        def text(key: str, default: str) -> str:
            value = get(key)
            return default if value is None else str(value)

        platform = text("platform", "")
        versions = (
            (_ANY_PYTHON, "3.11 or newer")
            if platform == "host"
            else (_PYTHON, "3.12, 3.13, 3.14 (what Lambda runs)")
        )
        catchment = _matching(
            "catchment",
            text("catchment", "dev"),
            _CATCHMENT,
            "a lower-case letter, then up to 31 of a-z 0-9 -",
        )
        return cls(
            catchment=catchment,
            python=_matching("python", text("python", "3.12"), *versions),
            architecture=_one_of("architecture", text("architecture", "x86_64"), _ARCHITECTURES),
            platform=platform,
            bytecode=_one_of("bytecode", text("bytecode", "yes").lower(), ("yes", "no")) == "yes",
            ephemeral=_one_of("ephemeral", text("ephemeral", "false").lower(), ("true", "false"))
            == "true",
            memory_mib=_between("memory", text("memory", "2048"), 512, 10_240, "MiB"),
            function_timeout_seconds=_between(
                "function-timeout", text("function-timeout", "900"), 30, 900, "seconds"
            ),
            image=_matching("image", image, _IMAGE, "an image's address, as in docker pull")
            if (image := text("image", ""))
            else "",
            network=_network(
                {
                    key: text(key, "")
                    for key in ("subnets", "security-group", "public-ip", "functions-in-vpc")
                }
            ),
            reserved=_between("reserved", reserved, 1, 1000, "executions at a time")
            if (reserved := text("reserved", ""))
            else None,
            history_days=_history(text("history", "400d")),
            journal_days=_journal(text("journal", "30d")),
            retention=Retention(
                _between(
                    "retention-snapshots",
                    text("retention-snapshots", "3"),
                    1,
                    MOST_SNAPSHOTS,
                    "of each",
                ),
                _retention_days(text("retention-age", "1d")),
            ),
            requirements=_read_file("requirements", text("requirements", "")),
            build=Path(text("build", ".build")),
            arrivals=parse_buckets(text("arrivals", ""), where="-c arrivals="),
            policies=_policies(text("policies", "")),
            isolation=_one_of("isolation", text("isolation", "on").lower(), ("on", "off")) == "on",
            alarm_topic=_matching(
                "alarm-topic",
                topic,
                _TOPIC,
                "the ARN of an SNS topic: arn:aws:sns:REGION:ACCOUNT:NAME",
            )
            if (topic := text("alarm-topic", "").strip())
            else "",
            alarm_emails=_emails(text("alarm-email", "")),
            people=_one_of("people", text("people", "yes").lower(), ("yes", "no")) == "yes",
            kms_key=_matching(
                "kms-key", key, _KEY, "the ARN of a key: arn:aws:kms:REGION:ACCOUNT:key/ID"
            )
            if (key := text("kms-key", "").strip())
            else "",
            permissions_boundary=_boundary(text("permissions-boundary", "").strip()),
            tags=_tags(text("tags", "")),
            attached=_attached(text("table", ""), text("bucket", ""), text("secret", "")),
            dashboard=_one_of("dashboard", text("dashboard", "yes").lower(), ("yes", "no"))
            == "yes",
            lake_seconds=_lake(text("lake", "1m")),
            iceberg=_iceberg(text("iceberg", "false"), text("lake", "1m"), catchment),
            openlineage=parse_receiver(text("openlineage", ""), where="-c openlineage="),
            environment=parse_environment(
                _read_file("envfile", text("envfile", "")), where=text("envfile", "")
            ),
        )


def _history(text: str) -> int | None:
    return None if text == "never" else _days("history", text, "400d; or never")


def _journal(text: str) -> int | None:
    return None if text == "off" else _days("journal", text, "30d; or off")


def _days(name: str, text: str, example: str) -> int:
    days, rest = divmod(seconds_of(text) or 0, 86_400)
    if rest or not 1 <= days <= _MOST_DAYS:
        raise OperatorError(
            f"-c {name}={text}: not allowed.",
            hint=f"Allowed: whole days, 1d to {_MOST_DAYS}d, for example {example}.",
        )
    return days


def _lake(text: str) -> int | None:
    if text == "off":
        return None
    seconds = seconds_of(text)
    if seconds is None or not 1 <= seconds <= _LONGEST_LAKE:
        raise OperatorError(
            f"-c lake={text}: not allowed.",
            hint="Allowed: 1s to 5m, for example 30s; or off.",
        )
    return seconds


def _iceberg(given: str, lake: str, catchment: str) -> bool:
    wanted = _one_of("iceberg", given.lower(), ("true", "false")) == "true"
    if wanted and _lake(lake) is None:
        raise OperatorError(
            "-c iceberg=true with -c lake=off: not allowed.",
            hint="The tables are made at the lake's pace. Leave -c lake= out, or give 1s to 5m.",
        )
    if wanted and not names_databases(catchment):
        raise OperatorError(
            f"-c catchment={catchment} with -c iceberg=true: not allowed.",
            hint="It names databases of Glue. Allowed: no two hyphens in a row, none at the end.",
        )
    return wanted


def _retention_days(text: str) -> int:
    if (days := days_of(text)) is None:
        raise OperatorError(
            f"-c retention-age={text}: not allowed.",
            hint=f"Allowed: {DAYS_RULE}, without the quotes.",
        )
    return days


def _network(given: Mapping[str, str]) -> Network | None:
    subnets, security_group = given["subnets"], given["security-group"]
    if not any(given.values()):
        return None
    if not (subnets and security_group):
        first = next(key for key, value in given.items() if value)
        raise OperatorError(
            f"-c {first}=: a network takes both -c subnets= and -c security-group=.",
            hint="Give both, or none: then tasks have a network of their own.",
        )
    spaceless = subnets.replace(" ", "")
    _matching(
        "subnets",
        spaceless,
        _SUBNETS,
        "up to 16 subnets with commas between, for example subnet-0a1b2c3d,subnet-4e5f6a7b",
    )
    _matching(
        "security-group",
        security_group,
        _SECURITY_GROUP,
        "a security group, for example sg-0a1b2c3d4e5f6a7b8",
    )
    public = _one_of("public-ip", (given["public-ip"] or "false").lower(), ("true", "false"))
    inside = _one_of("functions-in-vpc", (given["functions-in-vpc"] or "no").lower(), ("yes", "no"))
    return Network(
        tuple(dict.fromkeys(spaceless.split(","))),
        security_group,
        public_ip=public == "true",
        functions=inside == "yes",
    )


def _attached(table: str, bucket: str, secret: str) -> Attached:
    """Each may be given alone."""
    given = (
        ("table", table, _TABLE, "the name of a table (3 to 255 of A-Z a-z 0-9 _ . -)"),
        ("bucket", bucket, _BUCKET, "the name of a bucket (3 to 63 of a-z 0-9 . -)"),
        (
            "secret",
            secret,
            _SECRET,
            "the whole ARN of a secret: arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-XXXXXX",
        ),
    )
    return Attached(
        *(
            _matching(key, value.strip(), pattern, allowed) if value.strip() else ""
            for key, value, pattern, allowed in given
        )
    )


def _emails(listed: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(one.strip() for one in listed.split(",") if one.strip()))
    for one in found:
        _matching("alarm-email", one, _EMAIL, "e-mail addresses with commas between")
    return found


def _policies(listed: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(one.strip() for one in listed.split(",") if one.strip()))
    for one in found:
        _matching(
            "policies",
            one,
            _POLICY,
            f"up to {_MOST_POLICIES} ARNs with commas between: arn:aws:iam::ACCOUNT:policy/NAME",
        )
    if len(found) > _MOST_POLICIES:
        raise OperatorError(
            f"-c policies=: {len(found)} policies.",
            hint=f"A role takes {_MOST_POLICIES} besides its own: join some into one.",
        )
    return found


def _boundary(given: str) -> str:
    allowed = "the name of a managed policy of this account, or arn:aws:iam::ACCOUNT:policy/NAME"
    pattern = _POLICY if given.startswith("arn:") else _POLICY_NAME
    return _matching("permissions-boundary", given, pattern, allowed) if given else ""


def _tags(listed: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for one in (part.strip() for part in listed.split(",") if part.strip()):
        _matching(
            "tags",
            one,
            _TAG,
            "NAME=VALUE,NAME=VALUE of letters, digits, blanks and + - = . _ : / @, up to 128 and "
            "256 long; names that begin with aws: or duckstring: are taken",
        )
        name, _, value = one.partition("=")
        if found.setdefault(name, value) != value:
            raise OperatorError(
                f"-c tags=: {name} has two values, {found[name]} and {value}.",
                hint="Give each name once.",
            )
    if len(found) > _MOST_TAGS:
        raise OperatorError(f"-c tags=: {len(found)} tags.", hint=f"Give {_MOST_TAGS} at most.")
    return found


def _matching(key: str, value: str, pattern: re.Pattern[str], allowed: str) -> str:
    if not pattern.match(value):
        raise OperatorError(f"-c {key}={value}: not allowed.", hint=f"Allowed: {allowed}.")
    return value


def _one_of(key: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise OperatorError(
            f"-c {key}={value}: not allowed.", hint=f"Allowed: {', '.join(allowed)}."
        )
    return value


def _between(key: str, value: str, least: int, most: int, unit: str) -> int:
    if not (value.isascii() and value.isdigit()) or not least <= int(value) <= most:
        raise OperatorError(
            f"-c {key}={value}: not allowed.", hint=f"Allowed: {least} to {most} ({unit})."
        )
    return int(value)


def _read_file(key: str, path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise OperatorError(
            f"-c {key}={path}: cannot be read ({error.strerror}).", hint="Name a file that exists."
        ) from error
