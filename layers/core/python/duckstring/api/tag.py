"""Tags of Ponds, and what is selected by them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from duckstring.api.requests import TagRequest
from duckstring.errors import OperatorError
from duckstring.model.find import find_deployed
from duckstring.model.names import Line, parse_line
from duckstring.model.tags import (
    MOST_TAGS,
    NoTagError,
    TagError,
    Tags,
    check_key,
    check_value,
    holds,
)
from duckstring.ports import Catalog, Operated

if TYPE_CHECKING:
    from duckstring.model.answers.operated import PondTags, TagAnswer


def tag(asked: TagRequest, *, catalog: Catalog, operated: Operated) -> TagAnswer:
    """Set and remove tags of a Pond, or list those of one or of all.

    Raises:
        PondNotFoundError: no such Pond.
        OperatorError: a key or a value that is none, or too many tags.
    """
    if asked.pond is None:
        if asked.put or asked.remove:
            raise OperatorError("pond is missing; allowed: text.")
        tags = operated.read().tags
        ponds = sorted({parse_line(line)[0] for line in catalog.releases()})
        return {"ponds": [_told(pond, tags.get(pond, {})) for pond in ponds]}
    pond = parse_line(find_deployed(catalog, asked.pond).line)[0]
    held = dict(operated.read().tags.get(pond, {}))
    put, remove = asked.put or {}, tuple(dict.fromkeys(asked.remove or ()))
    after = _changed(pond, held, put, remove)
    if after != held:
        operated.tag(pond, put=put, remove=remove)
    return {"ponds": [_told(pond, after)]}


def selected(tags: Mapping[str, Tags], wanted: Tags | None) -> frozenset[str] | None:
    """The Ponds that have all these tags. None: nothing is said about tags."""
    if wanted is None:
        return None
    for key, value in wanted.items():
        check_key(key)
        check_value(value)
    return frozenset(pond for pond, held in tags.items() if holds(held, wanted))


def is_of(line: Line, ponds: frozenset[str] | None) -> bool:
    """Whether a line is one of the Ponds'. None: all are."""
    return ponds is None or parse_line(line)[0] in ponds


def _changed(pond: str, held: Tags, put: Tags, remove: tuple[str, ...]) -> dict[str, str]:
    for key, value in put.items():
        check_key(key)
        check_value(value)
    for key in remove:
        check_key(key)
        if key in put:
            raise TagError(f"Tag {key!r} of {pond} is to be set and removed at once.")
        if key not in held:
            raise NoTagError(
                f"{pond} has no tag {key!r}; it has {', '.join(sorted(held)) or 'none'}."
            )
    after = {key: value for key, value in {**held, **put}.items() if key not in remove}
    if len(after) > MOST_TAGS:
        raise TagError(
            f"{pond} would have {len(after)} tags; allowed: {MOST_TAGS}.", hint="Remove one first."
        )
    return dict(sorted(after.items()))


def _told(pond: str, tags: Tags) -> PondTags:
    return {"pond": pond, "tags": dict(tags)}
