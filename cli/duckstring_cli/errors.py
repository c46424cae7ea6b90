"""How the command reports a refusal: one line on stderr, a hint, an exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer.exceptions import TyperException

from duckstring.errors import AuthorError, DuckstringError, OperatorError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

REFUSED = 1
MISUSE = 2
DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "UnauthorizedOperation",
        "403",
    }
)
"""AWS's codes for what the user's credentials may not do."""


class BadInputError(OperatorError):
    """What was typed cannot be understood."""


class NotRunningError(OperatorError):
    """The Catchment does not answer."""


class WrongEmulatorError(OperatorError):
    """The emulator that is installed lacks something that a local Catchment uses of it."""


class CatchmentRefusedError(OperatorError):
    """The Catchment answered no. ``traceback`` is the author's code's, where that is at fault."""

    def __init__(self, *, type: str, message: str, hint: str, traceback: str = "") -> None:  # noqa: A002 - as it is called on the wire
        super().__init__(message or "The Catchment refused and did not say why.", hint=hint)
        self.type = type
        self.traceback = traceback


class AccessError(OperatorError):
    """AWS does not let this user in, or cannot say who the user is."""


class BrokenOffError(BaseException):
    """Ctrl-C, with a line that says what goes on in the Catchment. It is not a KeyboardInterrupt,
    because Typer hides those.
    """


_MISUSES = {
    "ArrivalError",
    "ArrivalNotFoundError",
    "AuthorError",
    "CatchmentNotFoundError",
    "DiscoveryError",
    "FutureError",
    "NoSuchLimitError",
    "NoTagError",
    "PondNotFoundError",
    "PondsAtFaultError",
    "RunNotFoundError",
    "SecretEntryError",
    "StaleBoundError",
    "TableNotPublishedError",
    "VersionNotFoundError",
    "WhichCatchmentError",
    "WhichLineError",
    "WindowError",
    "WindowNotFoundError",
}
"""What was typed is wrong or does not exist, or a Pond is wrong. By names: some come from the
Catchment.
"""


def aws_code(error: ClientError) -> str:
    """The service's code of the error; empty if it names none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def exit_code(error: DuckstringError) -> int:
    """2 for input that cannot be understood or names what does not exist, 1 for a refusal."""
    named = error.type if isinstance(error, CatchmentRefusedError) else type(error).__name__
    misuses = BadInputError | AuthorError | WrongEmulatorError
    return MISUSE if named in _MISUSES or isinstance(error, misuses) else REFUSED


def unusable(error: OSError) -> OperatorError:
    """A file or folder of the user's that cannot be read or written; the output itself, where no
    file is named.
    """
    if error.filename is None:
        hint = "Is the disk full, or the reader gone?"
        return OperatorError(f"The output cannot be written: {error.strerror or error}.", hint=hint)
    return OperatorError(
        f"{error.filename} cannot be used: {error.strerror or error}.",
        hint="Check the path and its permissions.",
    )


def asked_for_help(error: TyperException) -> str:
    """The help of a group that was named without a command; nothing for a misuse."""
    context = getattr(error, "ctx", None)
    # Typer does not export the class of this refusal, so it is recognized by its name.
    return (
        str(context.get_help()) if context and type(error).__name__ == "NoArgsIsHelpError" else ""
    )


_POND_FIRST = " trigger window"


def misused(error: TyperException) -> BadInputError:
    """Typer's own words for a misuse, as ours."""
    message = error.format_message()
    context = getattr(error, "ctx", None)
    path = context.command_path.translate({ord("{"): None, ord("}"): None}) if context else ""
    hint = f"See: {path} --help" if path else ""
    if path.endswith(_POND_FIRST):
        hint = f"The Pond comes first: duckstring{_POND_FIRST} POND add|list|remove. {hint}"
    return BadInputError(message, hint=hint)
