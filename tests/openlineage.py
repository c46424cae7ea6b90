"""Events of OpenLineage, judged by the models of its own client (``openlineage-python``)."""

from __future__ import annotations

import enum
import importlib
import pkgutil
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import attr
from openlineage.client import generated
from openlineage.client.generated import base
from openlineage.client.serde import Serde

FACETS = {
    "run": base.RunFacet,
    "job": base.JobFacet,
    "facets": base.DatasetFacet,
    "inputFacets": base.InputDatasetFacet,
    "outputFacets": base.OutputDatasetFacet,
}
"""What each place of facets takes."""


def _models() -> Iterator[tuple[str, type]]:
    for module in pkgutil.iter_modules(generated.__path__):
        if module.name == "event_v2":
            continue
        found = importlib.import_module(f"{generated.__name__}.{module.name}")
        for one in vars(found).values():
            if isinstance(one, type) and issubclass(one, base.BaseFacet):
                yield one._get_schema(), one


MODELS = dict(_models())


def judged(event: Mapping[str, Any]) -> base.RunEvent:
    """The event as the client has it. Each field has to be one of the model's, of its type, each
    facet of the version that the client knows, and the client has to write the same event.
    """
    made = base.RunEvent(
        eventTime=event["eventTime"],
        producer=event["producer"],
        eventType=base.EventType(event["eventType"]),
        run=base.Run(event["run"]["runId"], _facets("run", event["run"]["facets"])),
        job=base.Job(
            event["job"]["namespace"],
            event["job"]["name"],
            _facets("job", event["job"]["facets"]),
        ),
        inputs=[_dataset(base.InputDataset, "inputFacets", one) for one in event["inputs"]],
        outputs=[_dataset(base.OutputDataset, "outputFacets", one) for one in event["outputs"]],
    )
    assert _bare(Serde.to_dict(made)) == _bare(event)
    return made


def _dataset(model: type, name: str, found: Mapping[str, Any]) -> Any:
    assert found.keys() <= {"namespace", "name", "facets", name}
    own = _facets(name, found.get(name, {}))
    known = _facets("facets", found["facets"])
    return model(found["namespace"], found["name"], facets=known, **{name: own})


def _facets(place: str, found: Mapping[str, Any]) -> dict[str, base.BaseFacet]:
    facets = {name: _facet(one) for name, one in found.items()}
    assert all(isinstance(one, FACETS[place]) for one in facets.values()), (place, found)
    return facets


def _facet(found: Mapping[str, Any]) -> base.BaseFacet:
    model = MODELS[found["_schemaURL"]]
    fields = {name: value for name, value in found.items() if not name.startswith("_")}
    if model.__module__ == base.__name__:  # one that the specification leaves open
        return model(producer=found["_producer"]).with_additional_properties(**fields)
    return _built(model, fields, producer=found["_producer"])


def _built(model: type, found: Mapping[str, Any], **more: Any) -> Any:
    names = {**vars(base), **vars(importlib.import_module(model.__module__))}
    hints = typing.get_type_hints(model, names)
    known = {one.name for one in attr.fields(model)}
    assert found.keys() <= known, (model, found)
    return model(**{name: _value(hints[name], value) for name, value in found.items()}, **more)


def _value(hint: Any, value: Any) -> Any:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in {types.UnionType, typing.Union}:
        (some,) = [one for one in inner if one is not type(None)]
        return None if value is None else _value(some, value)
    if origin is list:
        return [_value(inner[0], one) for one in value]
    if origin is dict:
        return dict(value)
    if attr.has(hint):
        return _built(hint, value)
    if issubclass(hint, enum.Enum):
        return hint(value)
    assert isinstance(value, hint), (hint, value)
    assert not (hint is int and isinstance(value, bool))
    return value


def _bare(value: Any) -> Any:
    """Without what is empty: the client leaves that out here, and writes it there."""
    if isinstance(value, Mapping):
        bare = {name: _bare(one) for name, one in value.items()}
        return {name: one for name, one in bare.items() if one not in (None, {}, [])}
    return [_bare(one) for one in value] if isinstance(value, list | tuple) else value
