"""``duckstring simulate``: what triggers would make run, before anything runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from duckstring.errors import nearest
from duckstring.model.durations import seconds_of
from duckstring_cli import durations, moments, render
from duckstring_cli.commands.options import AsJson, CatchmentName, open_client
from duckstring_cli.errors import BadInputError

if TYPE_CHECKING:
    from duckstring.model.names import Line
    from duckstring.model.windows import Window
    from duckstring_cli.forecast import Forecast, PondForecast, Trigger
    from duckstring_cli.graphs import Found

_SHOWN = 20
_LIKE_A_ZONE = re.compile(r"[A-Za-z_]+/[A-Za-z]")
"""No weekday of cron fields is."""
Texts = list[str] | None


def _option(name: str, metavar: str, text: str) -> object:
    return typer.Option(name, metavar=metavar, show_default=False, help=text)


def simulate(
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="PATH",
            show_default=False,
            help="The folder of the Ponds; otherwise this one. Its subfolders are searched, too.",
        ),
    ] = None,
    pulse: Annotated[Texts, _option("--pulse", "POND", "Push POND once.")] = None,
    tap: Annotated[Texts, _option("--tap", "POND", "Pull POND once.")] = None,
    wave: Annotated[Texts, _option("--wave", "POND", "Pull POND always.")] = None,
    tide: Annotated[
        Texts, _option("--tide", "POND=BOUND", "Keep POND no staler than BOUND: reports=1d.")
    ] = None,
    window: Annotated[
        Texts,
        _option(
            "--window",
            "POND=RULE[,LENGTH][,ZONE]",
            "When an Inlet's source is ready. RULE is PERIOD,START or cron fields: "
            "sales=1d,02:00,3h or 'sales=0 6 L * *,3h,Europe/Berlin'.",
        ),
    ] = None,
    takes: Annotated[
        Texts,
        _option(
            "--takes",
            "POND[.RIPPLE]=TIME",
            "How long a Ripple takes; otherwise as in the Catchment's last run, or 1s.",
        ),
    ] = None,
    fails: Annotated[
        Texts,
        _option(
            "--fails",
            "POND.RIPPLE[=N]",
            "The first N attempts of a Ripple fail; without N all of them.",
        ),
    ] = None,
    length: Annotated[
        str | None,
        _option("--for", "TIME", "How much time passes; otherwise until each Pond has run often."),
    ] = None,
    deployed: Annotated[
        bool,
        typer.Option(
            "--deployed",
            help=(
                "Take what the Catchment has, with its triggers, Windows and durations. With PATH, "
                "the Ponds of the folder are in the place of the deployed ones."
            ),
        ),
    ] = False,
    every_run: Annotated[
        bool, typer.Option("--runs", help="Show every run, not only the first ones.")
    ] = False,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Show what triggers would make run.

    Which Ponds, in what order, how often, how old their data gets, and what would wait or stop.
    The engine itself runs, on simulated time; nothing is deployed, and no code of a Ripple is
    called.
    """
    from duckstring_cli import forecast

    if not (deployed or pulse or tap or wave or tide):
        raise BadInputError(forecast.NO_TRIGGER, hint=forecast.TRIGGER_HINT)
    found = _found(path, catchment, deployed=deployed)
    asked = _Asked(found)
    triggers = [
        *asked.triggers("pulse", pulse),
        *asked.triggers("tap", tap),
        *asked.triggers("wave", wave),
        *asked.tides(tide),
    ]
    plan = forecast.Plan(
        found.releases,
        triggers or found.triggers,
        {**found.windows, **asked.windows(window)},
        {**found.takes, **asked.takes(takes)},
        fails=asked.fails(fails),
        start=datetime.now(UTC),
        length=asked.length(length),
    )
    asked.check_standing(triggers)
    asked.check()
    made = forecast.forecast(plan)
    if as_json:
        render.print_json(_json(made))
        return
    _show(made, every_run=every_run)


def _found(path: Path | None, catchment: str | None, *, deployed: bool) -> Found:
    from duckstring_cli import graphs

    with render.steps() as step:
        if not deployed:
            return graphs.of_folder(path or Path(), step)
        there = graphs.of_catchment(open_client(catchment), step)
        return graphs.together(there, graphs.of_folder(path, step)) if path else there


class _Asked:
    """Reads the options against the graph; all faults are told at once."""

    def __init__(self, found: Found) -> None:
        self._releases = found.releases
        self._faults: list[BadInputError] = []

    def check(self) -> None:
        if self._faults:
            hints = dict.fromkeys(fault.hint for fault in self._faults if fault.hint)
            message = "\n".join(fault.message for fault in self._faults)
            raise BadInputError(message, hint="\n".join(hints))

    def check_standing(self, triggers: list[Trigger]) -> None:
        """A line has one standing trigger: the later one would end the other."""
        stand = [trigger.line for trigger in triggers if trigger.stands]
        for line in sorted({line for line in stand if stand.count(line) > 1}):
            self._faults.append(BadInputError(f"{line} has one Wave or Tide; give one of them."))

    def triggers(self, kind: Any, texts: Texts) -> list[Trigger]:  # noqa: ANN401 - a TriggerKind
        from duckstring_cli.forecast import Trigger

        lines = self._each(f"--{kind}", texts, self._line)
        return [Trigger(line, kind) for line in lines]

    def tides(self, texts: Texts) -> list[Trigger]:
        from duckstring_cli.forecast import Trigger

        def one(text: str) -> Trigger:
            pond, bound = _halves(text, "reports=1d")
            return Trigger(self._line(pond), "tide", durations.parse(bound))

        return self._each("--tide", texts, one)

    def windows(self, texts: Texts) -> Mapping[Line, list[Window]]:
        from duckstring.model.windows import overlap

        rules: dict[Line, list[Window]] = {}

        def one(text: str) -> None:
            pond, rule = _halves(text, "sales=1d,02:00,3h")
            line = self._line(pond)
            if self._releases[line].kind != "inlet":
                raise BadInputError(f"{pond} is not an Inlet: only Inlets have Windows.")
            held = rules.setdefault(line, [])
            new, now = _window(rule, f"rule{len(held) + 1}"), datetime.now(UTC)
            if any(overlap(other, new, now) for other in held):
                raise BadInputError(
                    f"{rule!r} overlaps another Window of {pond}: both would be open at once.",
                    hint="Rules of one Pond may touch, not overlap.",
                )
            held.append(new)

        self._each("--window", texts, one)
        return rules

    def takes(self, texts: Texts) -> Mapping[tuple[Line, str], timedelta]:
        def one(text: str) -> dict[tuple[Line, str], timedelta]:
            which, length = _halves(text, "sales.load=30s")
            took = durations.parse(length)
            return dict.fromkeys(self._ripples(which), took)

        found = self._each("--takes", texts, one)
        return {of: took for some in found for of, took in some.items()}

    def fails(self, texts: Texts) -> Mapping[tuple[Line, str], int | None]:
        def one(text: str) -> dict[tuple[Line, str], int | None]:
            which, _, number = text.partition("=")
            if number and not (number.isascii() and number.isdigit() and len(number) < 7):  # noqa: PLR2004
                raise BadInputError(
                    f"{number!r} is no number of attempts.", hint="For example: sales.load=2"
                )
            return {of: int(number) if number else None for of in self._ripples(which)}

        found = self._each("--fails", texts, one)
        return {of: number for some in found for of, number in some.items()}

    def length(self, text: str | None) -> timedelta | None:
        return next(iter(self._each("--for", [text] if text else None, durations.parse)), None)

    def _each(self, option: str, texts: Texts, read: Callable[[str], Any]) -> list[Any]:
        made = []
        for text in texts or ():
            try:
                made.append(read(text))
            except BadInputError as fault:
                self._faults.append(BadInputError(f"{option}: {fault.message}", hint=fault.hint))
        return made

    def _line(self, text: str) -> Line:
        """A Pond's name, or a line: ``sales``, ``sales@1``."""
        from duckstring.model.find import PondNotFoundError, find

        pond, at, major = text.partition("@")
        if at and not (major.isascii() and major.isdigit() and len(major) < 10):  # noqa: PLR2004
            raise BadInputError(f"{text!r} is no line of a Pond.", hint="For example: sales@1")
        try:
            return find(self._releases, pond, int(major) if at else None).line
        except PondNotFoundError as error:
            raise BadInputError(error.message.replace(" in this Catchment", " here")) from error

    def _ripples(self, text: str) -> list[tuple[Line, str]]:
        pond, dot, ripple = text.partition(".")
        line = self._line(pond)
        known = [spec.name for spec in self._releases[line].ripples]
        if not dot:
            return [(line, name) for name in known]
        if ripple not in known:
            raise BadInputError(
                f"{line} has no Ripple {ripple!r}; it has {', '.join(known) or 'none'}.",
                hint=nearest(ripple, known),
            )
        return [(line, ripple)]


def _halves(text: str, example: str) -> tuple[str, str]:
    first, equals, rest = text.partition("=")
    if not (equals and first and rest):
        raise BadInputError(f"{text!r} has not both sides of a =.", hint=f"For example: {example}")
    return first, rest


def _window(text: str, name: str) -> Window:
    """``1d,02:00,3h``, ``0 6 1,15 * *,3h``; each with a zone behind it."""
    from duckstring.model.window_rules import WindowError, read

    rule, zone = _of_zone(text)
    fields = rule.split()
    given = _of_cron(rule, zone) if len(fields) > 1 else _of_period(rule, zone)
    try:
        return read({**given, "name": name, "tz": zone})
    except WindowError as error:
        raise BadInputError(error.message) from error


def _of_zone(text: str) -> tuple[str, str]:
    """The rule, and the zone at its end, perhaps a mistyped one; empty: none."""
    from duckstring.model.weekdays import WEEKDAYS
    from duckstring.model.zones import zone_names

    rule, comma, last = text.rpartition(",")
    zone, (_, is_third, before) = last.strip(), rule.rpartition(",")
    follows_length = bool(is_third) and _is_length(before) and not _is_length(zone)
    follows_length = follows_length and zone.upper() not in WEEKDAYS
    is_zone = zone in zone_names() or _LIKE_A_ZONE.match(zone) or follows_length
    return (rule, zone) if comma and is_zone else (text, "")


def _is_length(text: str) -> bool:
    return seconds_of(text.strip().lower()) is not None


def _of_cron(text: str, zone: str) -> Mapping[str, object]:
    """A length ends with its unit, and no weekday does."""
    rule, comma, last = text.rpartition(",")
    has_length = bool(comma) and _is_length(last)
    now = datetime.now(UTC)
    return {
        "cron": " ".join((rule if has_length else text).split()),
        "start": moments.on_wire("00:00", tz=zone, today=now),
        "duration": durations.parse(last).total_seconds() if has_length else None,
    }


def _of_period(text: str, zone: str) -> Mapping[str, object]:
    every, *rest = text.split(",")
    if len(rest) > 2:  # noqa: PLR2004
        raise BadInputError(
            f"{text!r} has {len(rest) + 1} parts; allowed: PERIOD,START,LENGTH,ZONE.",
            hint="For example: sales=1d,02:00,3h",
        )
    start = rest[0] if rest else "00:00"
    return {
        "every": durations.parse(every).total_seconds(),
        "start": moments.on_wire(start, tz=zone, today=datetime.now(UTC)),
        "duration": durations.parse(rest[1]).total_seconds() if len(rest) > 1 else None,
    }


def _show(made: Forecast, *, every_run: bool) -> None:
    table = render.table(
        "POND", "RUNS", "EVERY", "TAKES", "OLDEST", "", right=("RUNS", "EVERY", "TAKES", "OLDEST"),
        last="wrapped",
    )  # fmt: skip
    for pond in made.ponds:
        table.add_row(*_row(pond))
    render.out().print(table)
    runs = made.runs if every_run else made.runs[:_SHOWN]
    if runs:
        _show_runs(made, len(runs))
    words = f"{durations.brief(made.length.total_seconds())} were simulated"
    if made.cut:
        words += ", and no more: that was as many letters as a simulation may take"
    left = len(made.runs) - len(runs)
    more = f" {left} more runs: --runs" if left else ""
    render.note(f"{words}.{more}")


def _row(pond: PondForecast) -> list[str]:
    failed = f" ({pond.failed} failed)" if pond.failed else ""
    return [
        pond.line,
        f"{pond.runs}{failed}",
        *(_brief(length) for length in (pond.every, pond.takes, pond.oldest)),
        render.one_line(pond.why),
    ]


def _brief(length: timedelta | None) -> str:
    return "" if length is None else durations.brief(length.total_seconds())


def _show_runs(made: Forecast, most: int) -> None:
    table = render.table("AT", "RUN", "TAKES", "STATUS", "AS OF", right=("AT", "TAKES"))
    for run in made.runs[:most]:
        took = None if run.ended is None else run.ended - run.began
        as_of = (run.f - made.start).total_seconds()
        table.add_row(
            f"+{_brief(run.began)}",
            f"{run.line}/{run.number}",
            _brief(took),
            render.word(run.status),
            f"{'-' if as_of < 0 else '+'}{durations.brief(abs(as_of))}",
        )
    render.say("")
    render.out().print(table)


def _json(made: Forecast) -> Mapping[str, object]:
    """Times in seconds from the start."""

    def seconds(length: timedelta | None) -> float | None:
        return None if length is None else round(length.total_seconds(), 3)

    return {
        "start": _text(made.start),
        "seconds": seconds(made.length),
        "complete": not made.cut,
        "ponds": [
            {
                "line": pond.line,
                "runs": pond.runs,
                "failed": pond.failed,
                "every": seconds(pond.every),
                "takes": seconds(pond.takes),
                "oldest": seconds(pond.oldest),
                "why": pond.why,
            }
            for pond in made.ponds
        ],
        "runs": [
            {
                "run": f"{run.line}/{run.number}",
                "f": _text(run.f),
                "status": run.status,
                "began": seconds(run.began),
                "ended": seconds(run.ended),
            }
            for run in made.runs
        ],
    }


def _text(instant: datetime) -> str:
    from duckstring.model.instants import to_text

    return to_text(instant)
