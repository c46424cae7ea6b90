"""Deployed Ponds with tables that their own handle has written, and the standard's judgement of a
contract.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft201909Validator
from open_data_contract_standard.model import OpenDataContractStandard

from duckstring.api.tables import describe_tables
from duckstring.engine.state import PondState
from duckstring.model.names import artifact_key, parse_line
from tests.unit.cli.made_up import line_status
from tests.unit.cli.published_kit import SESSION
from tests.unit.parts_kit import Sandbox
from tests.unit.worker_kit import zipped

F = "2030-01-01T12:00:00.000000Z"
_SCHEMA = json.loads((files("open_data_contract_standard") / "schema.json").read_text())
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def judged(text: str) -> dict[str, Any]:
    """A document that the standard's model and schema accept, as it is to be understood."""
    read = yaml.safe_load(text)
    Draft201909Validator(_SCHEMA).validate(read)
    model = OpenDataContractStandard.from_string(text)
    again = model.model_dump(exclude_none=True, exclude_unset=True, by_alias=True)
    assert again == read, "the model knows every key"
    found: dict[str, Any] = _resolved(read)
    return found


def _resolved(value: Any) -> Any:
    """With the defaults of variables, of which none is set."""
    match value:
        case str():
            return _VARIABLE.sub(lambda found: found[2], value)
        case dict():
            return {key: _resolved(one) for key, one in value.items()}
        case list():
            return [_resolved(one) for one in value]
        case _:
            return value


class Deployed:
    """A Catchment with lines whose packages and tables lie in an S3. ``told``: what ``status`` says
    of a line beside what it is deployed with. ``denied``: whose packages may not be read.
    """

    def __init__(self, endpoint: str, folder: Path) -> None:
        self.bucket = SESSION.client("s3", endpoint_url=endpoint)
        self.folder = folder
        self.lines: dict[str, dict[str, Any]] = {}
        self.snapshots: dict[str, Any] = {}
        self.bucket.create_bucket(Bucket="the-bucket")

    def deploy(self, line: str, package: Mapping[str, str], **told: Any) -> None:
        """A package, of which a deploy knows these ``checks``."""
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
