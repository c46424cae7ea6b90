"""DuckDB that reads and writes the Catchment's bucket with its own S3 support."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from duckstring.adapters.aws.etags import etags_of
from duckstring.author import database
from duckstring.errors import InvariantError
from duckstring.model.sql import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from duckstring.adapters.aws.clients import Clients

_ANY = "s3"
"""The scope of any bucket. It is shorter than the one that DuckDB gives by itself (``s3://``),
so any secret of the author's wins.
"""

_METHOD_AT = len("{'request': {'type': ") + 1
"""Where a line of DuckDB's log has the method of a request; the URL's host follows. Its own parser
of these lines takes ten times as long.
"""
_URL_WITHIN = 200


_OWN_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_OTHER_VARIABLES = (
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_PROFILE",
)
"""By which SDKs find credentials: those of a task's worker."""
_CONFIG, _CREDENTIALS = "aws-config", "aws-credentials.json"


@dataclass(frozen=True, slots=True)
class SourceKeys:
    """Credentials for tables of some Sources: those whose keys begin with ``prefixes``."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(repr=False)
    prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Keys:
    """AWS credentials as an attempt gets them.

    ``renewed``: they may expire before the attempt ends, and others replace them. ``expires``: when
    the attempt's own expire; empty: they are the worker's, and every attempt has them. ``others``
    are for Sources that the first ones do not reach.
    """

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)
    renewed: bool = False
    expires: str = ""
    others: tuple[SourceKeys, ...] = field(default=(), repr=False)

    @property
    def shared(self) -> bool:
        """Whether other attempts have them, too."""
        return not self.expires

    def settle(self, home: Path) -> Mapping[str, str | None]:
        """The variables by which SDKs find the attempt's credentials.

        In a function they are in the variables themselves: an invocation ends before they expire.
        In a task they are in a file that is written again with each renewal; SDKs read it through
        a ``credential_process``, which they all know.
        """
        if self.shared:
            return {}
        others = dict.fromkeys(_OTHER_VARIABLES)
        values = (self.access_key, self.secret_key, self.token)
        if not self.renewed:
            return {**others, **dict(zip(_OWN_VARIABLES, values, strict=True))}
        names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
        told = {"Version": 1, "Expiration": self.expires, **dict(zip(names, values, strict=True))}
        _write(home / _CREDENTIALS, json.dumps(told))
        _write(home / _CONFIG, f"[default]\ncredential_process = cat {home / _CREDENTIALS}\n")
        return {**others, **dict.fromkeys(_OWN_VARIABLES), "AWS_CONFIG_FILE": f"{home / _CONFIG}"}


def keys_of(clients: Clients) -> Keys:
    """The process's own credentials as they are now: a role's are renewed while a worker lives.

    Raises:
        InvariantError: it has none.
    """
    from botocore.credentials import RefreshableCredentials  # noqa: PLC0415 - not needed elsewhere

    found = clients.session.get_credentials()
    if found is None:
        raise InvariantError(
            "The worker has no AWS credentials.", hint="Run it with the function's role."
        )
    held = found.get_frozen_credentials()
    return Keys(
        held.access_key or "",
        held.secret_key or "",
        held.token or "",
        renewed=isinstance(found, RefreshableCredentials),
    )


def _write(path: Path, text: str) -> None:
    """At once, and for this user only."""
    part = path.with_name(f"{path.name}.part")
    part.touch(mode=0o600)
    part.write_text(text, encoding="utf-8")
    part.replace(path)


@dataclass(slots=True)
class S3Storage:
    """One database for one attempt. ``memory_mib`` is what the function has; 0: unknown, DuckDB
    decides.

    The fork server opens it with one thread, so that it can be forked: an attempt finds it open.
    """

    bucket: str
    region: str
    memory_mib: int = 0
    endpoint: str = ""
    _opened: DuckDBPyConnection | None = None
    _con: DuckDBPyConnection | None = None
    _secrets: DuckDBPyConnection | None = None

    def uri(self, key: str) -> str:
        """The address of a table version, or of the bucket if ``key`` is empty.

        Raises:
            InvariantError: ``key`` is not the key of a table version.
        """
        from duckstring.model.names import checked_table_key  # noqa: PLC0415 - not needed elsewhere

        return f"s3://{self.bucket}/{checked_table_key(key) if key else ''}"

    def place(self, location: str) -> str:
        """The address of a location.

        Raises:
            InvariantError: it is none.
        """
        from duckstring.model.names import checked_location  # noqa: PLC0415 - not needed elsewhere

        return f"s3://{self.bucket}/{checked_location(location)}"

    def has_same_bytes(self, one: str, other: str) -> bool:
        """Whether two objects that the database has opened have, as S3 says; False: it does not."""
        if self._opened is None:
            return False
        bucket, *hosts = self.addresses()
        keys = [uri.removeprefix(bucket) for uri in (one, other)]
        with self._opened.cursor() as cursor:
            ours, theirs = etags_of(cursor, keys, hosts)
        return bool(ours) and ours == theirs

    def addresses(self) -> Sequence[str]:
        """The prefixes by which DuckDB's errors name objects of the bucket: as in the statement, or
        as in the request's URL.
        """
        if self.endpoint:
            scheme, _, host = self.endpoint.rpartition("://")
            return self.uri(""), f"{scheme or 'https'}://{host.rstrip('/')}/{self.bucket}/"
        hosts = [f"s3.{self.region}.amazonaws.com{end}" for end in ("", ".cn")] + [
            "s3.amazonaws.com"
        ]
        return self.uri(""), *(
            url
            for host in hosts
            for url in (f"https://{self.bucket}.{host}/", f"https://{host}/{self.bucket}/")
        )

    def prepare(self) -> None:
        """Open the database, which keeps a log of its requests: ``requests`` counts them."""
        self._opened = database.opened(self.memory_mib)
        self._opened.execute("CALL enable_logging('HTTP')")
        # DuckDB makes its own views when one is first asked for, which takes some milliseconds:
        # here no attempt waits for it.
        self._opened.execute("SELECT count(*) FROM duckdb_views(), duckdb_logs").fetchall()

    def settle(self, folder: Path) -> None:
        """In the attempt's process: spill into ``folder``, and use all processors."""
        if self._opened is None:
            self.prepare()
        assert self._opened is not None  # noqa: S101 - it was just opened
        self._con = database.settled(self._opened, folder, memory_mib=self.memory_mib)
        self._secrets = self._opened.cursor()

    def grant(self, keys: object) -> None:
        """Use these credentials from here on. A running query uses them for the next file that it
        opens.
        """
        if not isinstance(keys, Keys):
            raise TypeError(f"S3 needs keys, not {type(keys).__name__}")
        if self._secrets is None:
            raise InvariantError("Keys are granted before a database is open.")
        secrets = [
            self._secret("catchment", self.uri(""), keys),
            self._secret("role", _ANY, keys),
            *(
                self._secret(
                    f"source_{number}", [self.uri("") + one for one in other.prefixes], other
                )
                for number, other in enumerate(keys.others)
            ),
        ]
        self._secrets.execute("; ".join(secrets))

    def requests(self) -> dict[str, int]:
        """How many requests the database has made of S3, by HTTP method: ours and the author's."""
        if self._opened is None:
            return {}
        host = self.endpoint.rpartition("://")[2].rstrip("/") or ".amazonaws.com"
        from_method = f"substr(message, {_METHOD_AT}, {_URL_WITHIN})"
        # Without parameters: DuckDB would import pandas to read them.
        found = self._opened.cursor().execute(
            f"SELECT split_part({from_method}, ',', 1), count(*) FROM duckdb_logs "  # noqa: S608 - our own words
            f"WHERE type = 'HTTP' AND contains({from_method}, {literal(host)}) GROUP BY 1"
        )
        return dict(found.fetchall())

    def open(self) -> DuckDBPyConnection:
        """The database, with limits and credentials set."""
        if self._con is None:
            raise InvariantError("A database is used before it is settled.")
        return self._con

    def close(self) -> None:
        """Do nothing: spilled data goes with the attempt's folder."""

    def _secret(self, name: str, scope: str | list[str], held: Keys | SourceKeys) -> str:
        options = {"KEY_ID": held.access_key, "SECRET": held.secret_key, "REGION": self.region}
        if held.token:
            options["SESSION_TOKEN"] = held.token
        flags = ""
        if self.endpoint:
            scheme, _, host = self.endpoint.rpartition("://")
            options |= {"ENDPOINT": host.rstrip("/"), "URL_STYLE": "path"}
            flags = f", USE_SSL {'false' if scheme == 'http' else 'true'}"
        written = ", ".join(f"{key} {literal(value)}" for key, value in options.items())
        scopes = [scope] if isinstance(scope, str) else scope
        listed = ", ".join(map(literal, scopes))
        return f"CREATE OR REPLACE SECRET {name} (TYPE s3, {written}{flags}, SCOPE [{listed}])"
