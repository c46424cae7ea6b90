"""DuckDB that reads and writes the Catchment's bucket by its own S3 support."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from duckstring.author.leftovers import folder

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MIB_PER_VCPU = 1769
_MEMORY_SHARE = 0.75
_LEAST_MIB = 128


class Credentials(Protocol):
    """The process's own AWS credentials, frozen."""

    @property
    def access_key(self) -> str | None:
        """The key's id."""

    @property
    def secret_key(self) -> str | None:
        """The key."""

    @property
    def token(self) -> str | None:
        """The session's token, of temporary credentials."""


@dataclass(slots=True)
class S3Storage:
    """Opens databases for one attempt at a time. ``memory_mib`` is what the function has; 0: unknown, DuckDB decides."""

    bucket: str
    region: str
    credentials: Callable[[], Credentials]
    memory_mib: int = 0
    endpoint: str = ""
    _spill: list[str] = field(default_factory=list)

    def uri(self, key: str) -> str:
        """The address of a table version; of the bucket, where ``key`` is empty.

        Raises:
            InvariantError: ``key`` is not the key of a table version.
        """
        from duckstring.model.names import checked_table_key  # noqa: PLC0415 - of another room

        return f"s3://{self.bucket}/{checked_table_key(key) if key else ''}"

    def addresses(self) -> Sequence[str]:
        """The beginnings by which DuckDB's errors call what lies in the bucket: as the statement does, or by the request's URL."""
        if self.endpoint:
            scheme, _, host = self.endpoint.rpartition("://")
            return self.uri(""), f"{scheme or 'https'}://{host.rstrip('/')}/{self.bucket}/"
        hosts = [f"s3.{self.region}.amazonaws.com{end}" for end in ("", ".cn")] + ["s3.amazonaws.com"]
        return self.uri(""), *(url for host in hosts for url in (f"https://{self.bucket}.{host}/", f"https://{host}/{self.bucket}/"))

    def open(self) -> DuckDBPyConnection:
        """A new in-memory database with limits and credentials set."""
        import duckdb  # noqa: PLC0415 - the worker starts without DuckDB

        spill = folder("spill")
        self._spill.append(spill)
        con = duckdb.connect(
            ":memory:", config={**self._limits(), "temp_directory": spill, "home_directory": spill, "allow_unsigned_extensions": "true"}
        )
        # By its path and first of all: with HOME unset (Lambda) DuckDB cannot look for extensions. Its signature is not asked
        # for: pip has checked the wheel, and hashing the file would take longer than most Ripples' queries.
        con.execute(f"LOAD {_text(str(_extension(duckdb.__version__)))}")
        con.execute(self._secret())
        # Table versions never change, so what was learnt of a file stays true.
        con.execute("SET GLOBAL TimeZone = 'UTC'; SET GLOBAL enable_http_metadata_cache = true")
        con.execute("SET GLOBAL parquet_metadata_cache = true; SET GLOBAL validate_external_file_cache = 'NO_VALIDATION'")
        return con

    def close(self) -> None:
        """Remove what queries spilled."""
        while self._spill:
            shutil.rmtree(self._spill.pop(), ignore_errors=True)

    def _limits(self) -> dict[str, str]:
        if not self.memory_mib:
            return {}
        threads = max(1, min(self.memory_mib // _MIB_PER_VCPU, os.cpu_count() or 1))
        return {"memory_limit": f"{max(_LEAST_MIB, int(self.memory_mib * _MEMORY_SHARE))}MiB", "threads": str(threads)}

    def _secret(self) -> str:
        held = self.credentials()
        options = {"KEY_ID": held.access_key or "", "SECRET": held.secret_key or "", "REGION": self.region}
        if held.token:
            options["SESSION_TOKEN"] = held.token
        flags = ""
        if self.endpoint:
            scheme, _, host = self.endpoint.rpartition("://")
            options |= {"ENDPOINT": host.rstrip("/"), "URL_STYLE": "path"}
            flags = f", USE_SSL {'false' if scheme == 'http' else 'true'}"
        written = ", ".join(f"{name} {_text(value)}" for name, value in options.items())
        return f"CREATE SECRET catchment (TYPE s3, {written}{flags}, SCOPE {_text(self.uri(''))})"


def _extension(version: str) -> Path:
    import duckdb_extension_httpfs  # type: ignore[import-untyped]  # noqa: PLC0415 - found where pip put it

    return Path(duckdb_extension_httpfs.__file__).parent / "extensions" / f"v{version}" / "httpfs.duckdb_extension"


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
