"""pond.toml: the Pond's identity and its place in the graph, as its author wrote it.

Text and objects become a ``PondFile`` here, once; every fault of a file is reported at once, one
line each.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, time
from typing import Annotated, TypedDict

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError
from semver import Version

from duckstring.errors import AuthorError, nearest
from duckstring.model import names
from duckstring.model.catalog import MOST_RETRIES, PondKind, SourceSpec
from duckstring.model.foreign import for_terminal
from duckstring.model.retention import DAYS_RULE, MOST_SNAPSHOTS, SNAPSHOTS_RULE, Retention, days_of

_NAME_RULE = "a lower-case letter, then lower-case letters, digits and _, at most 48 characters"
_VERSION_RULE = 'a semantic version such as "1.0.0"'
_SOURCE_RULE = 'the least version wanted, such as "1.0.0", or "1.0.0?" for an optional Source'
_PATH_RULE = 'the path of a .py file inside the project, such as "src/pond.py"'
_BUDGET_RULE = f"a whole number from 0 to {MOST_RETRIES}"
_MAX_MAJOR = 999_999


class ManifestError(AuthorError):
    """What is wrong with a pond.toml: ``faults`` holds one line for each."""

    def __init__(self, faults: Sequence[str]) -> None:
        """Tell ``faults``, in the order of the file."""
        super().__init__(
            "\n".join(faults),
            hint="Correct pond.toml; docs/author.md lists its fields.",
        )
        self.faults = tuple(faults)


def _refuse(allowed: str) -> PydanticCustomError:
    return PydanticCustomError("pond", "{allowed}", {"allowed": allowed})


def _check_name(text: str) -> str:
    if not names.POND_NAME.fullmatch(text):
        raise _refuse(_NAME_RULE)
    return text


def _is_version(text: str) -> bool:
    return text.isascii() and Version.is_valid(text) and Version.parse(text).major <= _MAX_MAJOR


def _check_version(text: str) -> str:
    if not _is_version(text):
        raise _refuse(_VERSION_RULE)
    return text


def _check_source(text: str) -> str:
    if not _is_version(text.removesuffix("?")):
        raise _refuse(_SOURCE_RULE)
    return text


def _check_path(text: str) -> str:
    parts = text.split("/")
    if (
        not text.endswith(".py")
        or "\\" in text
        or any(part in {"", ".", ".."} for part in parts)
        or text == ".py"
    ):
        raise _refuse(_PATH_RULE)
    return text


def _check_age(text: str) -> str:
    if days_of(text) is None:
        raise _refuse(DAYS_RULE)
    return text


_SEMVER = r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?"
_NAME_FORM = r"^[a-z][a-z0-9_]{0,47}$"
_PATH_FORM = r"^[^/\\][^\\]*\.py$"
_AGE_FORM = r"^(\d{1,9}[dhms])+$"
"""Forms for editors, which know no more than a pattern. The functions above are the rules."""


def _form(pattern: str) -> dict[str, JsonValue]:
    return {"pattern": pattern}


Name = Annotated[
    str,
    AfterValidator(_check_name),
    Field(description=_NAME_RULE, json_schema_extra=_form(_NAME_FORM)),
]
VersionText = Annotated[
    str,
    AfterValidator(_check_version),
    Field(description=_VERSION_RULE, json_schema_extra=_form(f"^{_SEMVER}$")),
]
SourceText = Annotated[
    str,
    AfterValidator(_check_source),
    Field(description=_SOURCE_RULE, json_schema_extra=_form(rf"^{_SEMVER}\??$")),
]
ModulePath = Annotated[
    str,
    AfterValidator(_check_path),
    Field(description=_PATH_RULE, json_schema_extra=_form(_PATH_FORM)),
]
Budget = Annotated[int, Field(ge=0, le=MOST_RETRIES, description=_BUDGET_RULE)]
SnapshotCount = Annotated[int, Field(ge=1, le=MOST_SNAPSHOTS)]
Age = Annotated[str, AfterValidator(_check_age), Field(json_schema_extra=_form(_AGE_FORM))]
Kind = Annotated[PondKind, Field(description='one of "inlet", "pond", "outlet"')]

_STRICT = ConfigDict(strict=True, extra="forbid", frozen=True)


class PondTable(BaseModel):
    """``[pond]``. A field's description is its rule: what a fault says is allowed."""

    model_config = _STRICT

    name: Name
    version: VersionText
    type: Kind = "pond"
    immediate_retries: Budget = 0
    source_retries: Budget = 0
    ripples: ModulePath = names.PYTHON_MODULE
    puddles: ModulePath = "src/puddles.py"


class RetentionTable(BaseModel):
    """``[retention]``: how many snapshots are kept."""

    model_config = _STRICT

    snapshots: SnapshotCount | None = Field(default=None, description=SNAPSHOTS_RULE)
    age: Age | None = Field(default=None, description=DAYS_RULE)


class ReleaseFields(TypedDict):
    """What a ``Release`` takes from pond.toml."""

    line: names.Line
    version: str
    kind: PondKind
    sources: tuple[SourceSpec, ...]
    module: str
    immediate_retries: int
    source_retries: int
    retention: Retention


class PondFile(BaseModel):
    """A valid pond.toml."""

    model_config = _STRICT

    pond: PondTable
    source_table: Mapping[Name, SourceText] = Field(default_factory=dict, alias="sources")
    retention: RetentionTable = RetentionTable()

    @property
    def line(self) -> names.Line:
        """The line that this version belongs to."""
        return names.line(self.pond.name, Version.parse(self.pond.version).major)

    def sources(self) -> tuple[SourceSpec, ...]:
        """The declared Sources, by name."""
        return tuple(_source(name, text) for name, text in sorted(self.source_table.items()))

    def to_release_fields(self) -> ReleaseFields:
        """The fields of a ``Release`` that the author decides."""
        return ReleaseFields(
            line=self.line,
            version=self.pond.version,
            kind=self.pond.type,
            sources=self.sources(),
            module=self.pond.ripples,
            immediate_retries=self.pond.immediate_retries,
            source_retries=self.pond.source_retries,
            retention=Retention(self.retention.snapshots, days_of(self.retention.age)),
        )


def schema() -> dict[str, object]:
    """The JSON schema of pond.toml, for editors. What depends on two fields is not in it."""
    made = PondFile.model_json_schema(ref_template="#/definitions/{model}")
    definitions = made.pop("$defs")
    pond = definitions["PondTable"]
    pond["description"] = "What the Pond is."
    made["properties"]["sources"]["description"] = "The Ponds that this one reads."
    kept = definitions["RetentionTable"]
    kept["description"] = "How many snapshots are kept."
    made["properties"]["retention"].pop("default")
    fields = (*pond["properties"].values(), *kept["properties"].values())
    for said in kept["properties"].values():  # TOML has no null
        said.pop("default")
        said.update(said.pop("anyOf")[0])
    for one in (made, pond, kept, *fields, *made["properties"].values()):
        one.pop("title", None)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "pond.toml",
        **made,
        "description": "A Pond: its identity and its Sources.",
        "definitions": definitions,
    }


_UTF_32 = (b"\xff\xfe\0\0", b"\0\0\xfe\xff")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_UTF_8_MARK = b"\xef\xbb\xbf"


def wide_encoding(content: bytes) -> str:
    """``UTF-16`` or ``UTF-32`` where the first bytes of a text show that; otherwise nothing."""
    if not content.startswith(_UTF_16) and b"\0" not in content[:4]:
        return ""
    return (
        "UTF-32"
        if content.startswith(_UTF_32) or content.count(b"\0", 0, 4) == len("\0\0\0")
        else "UTF-16"
    )


def decode_pondfile(content: bytes, path: str = "pond.toml") -> str:
    """The text of a pond.toml: UTF-8, with or without a byte order mark.

    Raises:
        ManifestError: it is another encoding, named where it can be known.
    """
    if kind := wide_encoding(content):
        raise ManifestError([f"{path} is {kind} text; allowed: UTF-8. Save it as UTF-8."])
    plain = content.removeprefix(_UTF_8_MARK)
    try:
        return plain.decode("utf-8")
    except UnicodeDecodeError as error:
        at = plain.count(b"\n", 0, error.start) + 1
        fault = (
            f"{path}:{at}: found the byte 0x{plain[error.start]:02x}, which is not UTF-8; "
            "allowed: UTF-8 text. Save it as UTF-8."
        )
        raise ManifestError([fault]) from error


def read_pondfile(text: str, path: str = "pond.toml") -> PondFile:
    """Read the text of a pond.toml; ``path`` names it in faults.

    Raises:
        ManifestError: everything that is wrong with it.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ManifestError([_syntax_fault(path, text, error)]) from error
    except ValueError as error:
        # Python reads no number of so many digits, and tomllib does not say where it is.
        fault = (
            f"{path}: a number has more than {sys.get_int_max_str_digits()} digits. Write fewer."
        )
        raise ManifestError([fault]) from error
    except RecursionError as error:
        fault = (
            f"{path}: its lists or tables lie too deep in each other; allowed: [pond], "
            "[sources] and [retention]."
        )
        raise ManifestError([fault]) from error
    return _validate(document, path, _line_numbers(text))


def from_object(document: Mapping[str, object], path: str = "pond.toml") -> PondFile:
    """Read a pond.toml that was parsed elsewhere.

    Raises:
        ManifestError: everything that is wrong with it.
    """
    return _validate(dict(document), path, {})


def _source(name: str, text: str) -> SourceSpec:
    minimum = text.removesuffix("?")
    return SourceSpec(
        names.line(name, Version.parse(minimum).major), minimum, optional=text != minimum
    )


Place = tuple[str, ...]


def _validate(document: dict[str, object], path: str, lines: Mapping[Place, int]) -> PondFile:
    faults: list[tuple[int, str]] = []

    def add(place: Place, sentence: str) -> None:
        at = lines.get(place) or lines.get(place[:1]) or 0
        faults.append((at, f"{path}:{at}: {sentence}" if at else f"{path}: {sentence}"))

    checked: PondFile | None = None
    try:
        checked = PondFile.model_validate(document)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            add(*_sentence(detail))
    for place, sentence in _contradictions(document):
        add(place, sentence)
    if faults or checked is None:
        raise ManifestError([fault for _, fault in sorted(faults, key=lambda fault: fault[0])])
    return checked


def _contradictions(document: Mapping[str, object]) -> Iterator[tuple[Place, str]]:
    pond, sources = document.get("pond"), document.get("sources")
    if not isinstance(pond, dict) or not isinstance(sources, dict):
        return
    if pond.get("type") == "inlet":
        found = _short(", ".join(sources)) or "an empty table"
        yield (
            ("sources",),
            (
                f"[sources]: found {found} in an Inlet; an Inlet has no [sources]: remove it, or "
                "set "
                "type = 'pond'."
            ),
        )
    if (name := pond.get("name")) in sources:
        yield (
            ("sources", str(name)),
            f"[sources] {_short(str(name))}: found the Pond itself; allowed: other Ponds.",
        )


def _sentence(detail: ErrorDetails) -> tuple[Place, str]:
    place = tuple(str(part) for part in detail["loc"] if part != "[key]")
    where = _where(place)
    found = detail["input"]
    match detail["type"]:
        case "missing":
            return place, f"{where} is missing; write {_example(place)}."
        case "extra_forbidden":
            known = _known(place)
            meant = nearest(place[-1], known, "did you mean {}? ")
            return (
                place,
                (
                    f"{where}: unknown {'table or key' if len(place) == 1 else 'key'}; "
                    f"{meant}allowed: {', '.join(known)}."
                ),
            )
        case _ if "[key]" in detail["loc"]:
            return place, f"{where}: found the name {_show(found)}; allowed: {_NAME_RULE}."
        case _:
            return place, f"{where}: found {_show(found)}; allowed: {_allowed(place, found)}."


def _where(place: Place) -> str:
    table, *keys = place
    if keys:
        return f"[{table}] {_short('.'.join(keys))}"
    return f"[{table}]" if table in _TABLES else _short(table)


_TABLES = ("pond", "sources", "retention")
_RULES: Mapping[str, Mapping[str, str]] = {
    table: {name: str(field.description) for name, field in model.model_fields.items()}
    for table, model in (("pond", PondTable), ("retention", RetentionTable))
}


def _known(place: Place) -> Iterable[str]:
    return list(_TABLES) if len(place) == 1 else list(_RULES[place[0]])


def _example(place: Place) -> str:
    return {"name": 'name = "sales"', "version": 'version = "1.0.0"'}.get(
        place[-1], "a [pond] table with name and version"
    )


def _allowed(place: Place, found: object) -> str:
    match place:
        case ("pond" | "retention" as table, key, *_):
            meant = ""
            if key == "type" and isinstance(found, str):
                meant = nearest(found, ("inlet", "pond", "outlet"), " (did you mean {!r}?)")
            return f"{_RULES[table][key]}{meant}"
        case ("sources", _):
            return _SOURCE_RULE
        case _:
            return "a table"


def _show(found: object) -> str:
    """A value as TOML writes it, on one line."""
    if isinstance(found, str):
        text = f'"{found}"'
    elif isinstance(found, bool | date | time):
        text = str(found).lower()
    else:
        text = repr(found)
    return _short(text)


_LONGEST = 60


def _short(text: str) -> str:
    """The author's words inside a fault, which has one line."""
    plain = for_terminal(text)
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}..."


_TABLE_LINE = re.compile(r"^\s*\[\s*([A-Za-z0-9_-]+)\s*\]")
_KEY_LINE = re.compile(r"""^\s*["']?([A-Za-z0-9_ -]+?)["']?\s*=""")


def _line_numbers(text: str) -> dict[Place, int]:
    """Where each table and key of the usual layout stands; a file laid out otherwise gets faults
    without lines.
    """
    lines: dict[Place, int] = {}
    table: Place = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if found := _TABLE_LINE.match(line):
            table = (found[1],)
            lines.setdefault(table, number)
        elif found := _KEY_LINE.match(line):
            lines.setdefault((*table, found[1]), number)
    return lines


_AT = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def _syntax_fault(path: str, text: str, error: tomllib.TOMLDecodeError) -> str:
    message = str(error)
    at = _AT.search(message)
    number = int(at[1]) if at and at[1] else max(1, len(text.splitlines()))
    lines = text.splitlines()
    found = lines[number - 1].strip() if number <= len(lines) else ""
    return f"{path}:{number}: this is not TOML: {_AT.sub('', message)}; found {_show(found)}."
