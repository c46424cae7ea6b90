"""The errors that an author can cause, with messages that say what to do. Never retried
automatically.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from duckstring.errors import AuthorError
from duckstring.model.foreign import for_terminal

_WRITE_IT = "Write it in an earlier Ripple, and name that Ripple in parents=."


class RippleError(AuthorError):
    """A Ripple is declared in a way that cannot run."""


class TableNotFoundError(AuthorError):
    """A table that nobody has written."""

    def __init__(
        self,
        table: str,
        *,
        owner: str,
        known: Sequence[str],
        dropped: str = "",
        hint: str = _WRITE_IT,
    ) -> None:
        """Say what was looked for and what there is; ``dropped``: since when it is no more, if
        it was there once.
        """
        gone = f": it was {dropped}" if dropped else ""
        super().__init__(
            f"No table {table!r} in {owner}{gone}; it has {', '.join(sorted(known)) or 'none'}.",
            hint=hint,
        )


class AmbiguousTableError(AuthorError):
    """A table's name alone, of which the Ripple has read several."""

    def __init__(self, table: str, sources: Sequence[str]) -> None:
        """``sources`` are those that have been read and have such a table."""
        super().__init__(
            (
                f"Table {table!r} could be that of several Sources: "
                f"{', '.join(f'{source}.{table}' for source in sources)}."
            ),
            hint=f"Write the Source before it: {sources[0]}.{table}.",
        )


class SourceNotFoundError(AuthorError):
    """A Source that pond.toml does not declare."""

    def __init__(self, source: str, *, known: Sequence[str]) -> None:
        """Say what was looked for and what there is."""
        super().__init__(
            (
                f"{source!r} is not a Source of this Pond; [sources] has "
                f"{', '.join(sorted(known)) or 'none'}."
            ),
            hint=f'Add {source} = "1.0.0" to [sources] in pond.toml and deploy a new version.',
        )


class NotPublishedError(AuthorError):
    """A Source without output."""

    def __init__(self, source: str) -> None:
        """Say what was looked for and what there is."""
        super().__init__(
            f"Source {source!r} has not published anything yet.",
            hint=(
                f"It is optional: test for it with pond.has_table('{source}.<table>'), or run "
                f"{source} first."
            ),
        )


class ContractError(AuthorError):
    """A published schema may only grow within a major version."""

    def __init__(self, table: str, breaches: Sequence[str]) -> None:
        """Say what was looked for and what there is."""
        super().__init__(
            (
                f"Table {table!r} would break what this major version has published: "
                f"{'; '.join(breaches)}."
            ),
            hint="Keep the column and its type, or raise the major version in pond.toml.",
        )


class CheckError(AuthorError):
    """Something that a check may not do, or that is no answer of a check."""

    def __init__(self, what: str, *returned: object) -> None:
        """A call such as ``pond.write_table``; or the name of a check and what it ``returned``."""
        if not returned:
            super().__init__(
                f"{what} in a check; a check only reads: its Pond writes nothing.",
                hint="Do it in a Ripple.",
            )
            return
        value = returned[0]
        found = f"{type(value).__name__} ({shown(value)})"
        super().__init__(
            f"Check {what!r} returned {found}; allowed: the text of one SELECT, a relation, an "
            "Arrow table, a pandas or polars frame, True, False or None.",
            hint="Return the rows that must not exist.",
        )


class PreviousMissingError(AuthorError):
    """A table of ``previous`` that is not published."""

    def __init__(self, table: str) -> None:
        """Say what was looked for."""
        super().__init__(
            f"No table 'previous.{table}': it is not published yet.",
            hint=(
                "Ask first, by pond.has_table('previous....'), or let the check wait for it: "
                "@check(needs_previous=True), -- needs_previous: true."
            ),
        )


class WriteError(AuthorError):
    """A table that cannot be written as asked."""


def joined(faults: Sequence[RippleError]) -> RippleError:
    """Several faults as one error: a line for each, every hint once."""
    hints = dict.fromkeys(fault.hint for fault in faults if fault.hint)
    return RippleError("\n".join(fault.message for fault in faults), hint="\n".join(hints))


_LONGEST_SHOWN = 60


def shown(value: object) -> str:
    """What the author wrote, on one short line, whatever it is."""
    try:
        text = for_terminal(repr(value))
    except Exception:  # noqa: BLE001 - the author's own __repr__ may raise anything, and Python writes no number of 5000 digits
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


class SqlError(AuthorError):
    """DuckDB refused the SQL of a file; the message begins with file, line and column."""


class MemoError(AuthorError):
    """What cannot be remembered."""


class RunKilledError(AuthorError):
    """Something that only a run that goes on may do."""

    def __init__(self, what: str) -> None:
        """Say what was asked for and what there is."""
        super().__init__(
            f"This run was killed: {what} is of no use to it any more.",
            hint=(
                "A function given as on_kill= has pond.name, version, f, run_key, recall, env "
                "and log."
            ),
        )


def missing_variable_hint(name: str) -> str:
    """Where a variable that Ripples miss is defined."""
    return (
        f"Set it: duckstring env set {name} VALUE --pond POND; a password or token: duckstring "
        f"secret set {name} --pond POND. On your machine: --env-file FILE"
    )


class EnvironmentMissingError(AuthorError):
    """A variable that no secret, no env value and no environment file defines."""

    def __init__(self, name: str) -> None:
        """Say what was looked for and what there is."""
        super().__init__(f"The environment has no {name!r}.", hint=missing_variable_hint(name))


class ArrivalsError(AuthorError):
    """Objects that arrive are asked for by a Pond with Sources."""

    def __init__(self, sources: Iterable[str]) -> None:
        """Name its ``sources``."""
        super().__init__(
            f"pond.arrivals() in a Pond with Sources ({', '.join(sorted(sources))}); allowed: in a "
            "Pond without.",
            hint="Take the objects in an Inlet of their own, and read its tables here.",
        )
