"""Deployed Ponds with tables that their own handle has written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from duckstring.api.tables import describe_tables
from duckstring.engine.state import PondState
from duckstring.model.names import artifact_key, parse_line
from tests.unit.cli.made_up import line_status
from tests.unit.cli.published_kit import SESSION
from tests.unit.parts_kit import Sandbox
from tests.unit.worker_kit import zipped

F = "2030-01-01T12:00:00.000000Z"


class Deployed:
    """A Catchment with lines whose packages and tables lie in an S3."""

    def __init__(self, endpoint: str, folder: Path) -> None:
        self.bucket = SESSION.client("s3", endpoint_url=endpoint)
        self.folder = folder
        self.lines: dict[str, dict[str, Any]] = {}
        self.snapshots: dict[str, Any] = {}
        self.bucket.create_bucket(Bucket="the-bucket")

    def deploy(self, line: str, package: Mapping[str, str], **told: Any) -> None:
        """A package, of which a deploy knows these ``checks``. ``told``: what ``status`` says of
        the line beside that.
        """
        pond, major = parse_line(line)
        version = f"{major}.4.2"
        toml = f'[pond]\nname = "{pond}"\nversion = "{version}"\n'
        content = zipped({"pond.toml": toml, "src/pond.py": "", **package})
        digest = sha256(content).hexdigest()
        key = artifact_key(pond, version, digest)
        self.bucket.put_object(Bucket="the-bucket", Key=key, Body=content)
        ripples = [{"name": "checks", "checks": list(told.pop("checks", ()))}]
        self.lines[line] = line_status(
            line, version=version, package=digest, ripples=ripples, next=None, **told
        )

    def publish(self, line: str, *works: Callable[[Any], object]) -> Sandbox:
        """Runs of a Ripple, one after the other."""
        box = Sandbox(self.folder / line, line)
        for work in works:
            box.ran(work)
        for path in sorted(box.root.rglob("*.parquet")):
            key = path.relative_to(box.root).as_posix()
            self.bucket.upload_file(str(path), "the-bucket", key)
        state = PondState(line, snapshot=box.run, tables=box.tables)
        self.snapshots[line] = describe_tables(state, self)
        return box

    def uri(self, key: str) -> str:
        """``api.ports.TableFiles``."""
        return f"s3://the-bucket/{key}"

    def answer(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        lines = {name: one for name, one in self.lines.items() if one["pond"] == asked["pond"]}
        major = asked.get("major", max((one["major"] for one in lines.values()), default=None))
        line = f"{asked['pond']}@{major}"
        if line not in lines:
            error = {"type": "PondNotFoundError", "message": f"No Pond {asked['pond']!r}."}
        elif asked["op"] == "status":
            return {"ok": True, "result": {"now": F, "lines": [lines[line]]}}
        elif line in self.snapshots:
            return {"ok": True, "result": self.snapshots[line]}
        else:
            error = {"type": "NotPublishedError", "message": f"{line} has not completed a run yet."}
        return {"ok": False, "error": error}
