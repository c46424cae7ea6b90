"""What the Open Data Contract Standard's own model and schema say of a document."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import yaml
from jsonschema import Draft201909Validator
from open_data_contract_standard.model import OpenDataContractStandard

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
