"""A Catchment that people work on: everything that an operator, an author or the world may do to
it, at random.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from duckstring.model.catalog import Release
from duckstring.model.instants import ZERO
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.model.windows import Window
from duckstring.testing.simulator import START, World, pond, seconds
from tests.property.worlds import Graph, same_pond

Draw = Callable[[st.SearchStrategy[Any]], Any]

RECOVERIES = ("clear", "wake", "force")
LIMITS = ("databricks", "glue")


@st.composite
def rules(
    draw: st.DrawFn, every: tuple[int, ...] = (10, 20, 60), *, lasting: bool = False
) -> tuple[Window, ...]:
    """One rule of an Inlet, or two that do not overlap. Rarely one of certain days only, one by a
    calendar, or (not ``lasting``) one that ends.
    """
    period = draw(st.sampled_from(every))
    first = draw(st.integers(1, period))
    if draw(st.integers(0, 9)) == 0:  # by a calendar: each minute of an odd zone
        tz = draw(st.sampled_from(["", "Asia/Kathmandu", "Australia/Lord_Howe"]))
        length = seconds(draw(st.integers(0, 60)))
        return (Window("one", START - seconds(100), ZERO, length, tz=tz, cron="* * * * *"),)
    start = START - seconds(draw(st.integers(0, 100)))
    on = (
        frozenset({"TUE", "WED"}) if draw(st.integers(0, 9)) == 0 else frozenset()
    )  # START is a Tuesday
    ends = not lasting and draw(st.integers(0, 14)) == 0
    until = START + timedelta(seconds=draw(st.integers(50, 500))) if ends else None
    windows = [Window("one", start, seconds(period), seconds(first), on, until)]
    if first < period and draw(st.booleans()):
        rest = draw(st.integers(1, period - first))
        windows.append(Window("two", start + seconds(first), seconds(period), seconds(rest)))
    return tuple(windows)


@dataclass
class Living:
    """A world and what is deployed in it by now."""

    world: World
    draw: Draw
    releases: dict[Line, Release]
    removed: dict[Line, Release] = field(default_factory=dict)
    changes: int = 0

    @property
    def graph(self) -> Graph:
        """What is deployed, Sources first."""
        return Graph(tuple(self.releases.values()))

    def some_line(self) -> Line:
        return self.draw(st.sampled_from(list(self.releases)))

    def wait(self, duration: float) -> None:
        self.world.run_until(self.world.now + seconds(duration))

    def trouble(self, kinds: tuple[str, ...], most: int) -> None:
        """Up to ``most`` things happen, with some time between them."""
        for _ in range(self.draw(st.integers(1, most))):
            self.wait(self.draw(st.sampled_from([0, 0.5, 3, 11])))
            getattr(self, f"_{self.draw(st.sampled_from(kinds))}")()

    def recover(self) -> None:
        """Whatever is down is brought back, each line by one of the ways there are. Nothing is held
        any more.
        """
        if self.world.held.on:
            self.world.hold(on=False)
        for line in self.releases:
            health = self.world.states[line].health
            if health == "failed" and self.draw(st.booleans()):
                self._deploy(self.releases[line])
            elif health != "ok":
                self.world.order(line, self.draw(st.sampled_from(RECOVERIES)))

    def _nothing(self) -> None:
        pass

    def _lose(self) -> None:
        self.world.lose_executions()

    def _redeploy(self) -> None:
        self._deploy(self.releases[self.some_line()])

    def _rewire(self) -> None:
        """A version with another Source more or less; none that reads the line itself, so no
        ring comes to be.
        """
        line = self.some_line()
        release, before = (
            self.releases[line],
            list(self.releases)[: list(self.releases).index(line)],
        )
        names = {f"{s.line}{'?' * s.optional}" for s in release.sources}
        others = [
            name
            for name in before
            if line not in self._reads(name)
            and not any(same_pond(name, of) for of in (line, *names))
        ]
        if names and self.draw(st.booleans()):
            names.discard(self.draw(st.sampled_from(sorted(names))))
        elif others:
            names.add(self.draw(st.sampled_from(others)) + self.draw(st.sampled_from(["", "?"])))
        self._deploy(replace(release, sources=pond(line, *sorted(names)).sources))

    def _reads(self, line: Line) -> set[Line]:
        """All that it reads, itself or by way of others: what is removed and comes again may
        stand after who reads it still.
        """
        reads = {
            source.line for source in self.releases[line].sources if source.line in self.releases
        }
        return reads.union(*map(self._reads, reads))

    def _reshape(self) -> None:
        """A version with another Ripple more or less."""
        release = self.releases[self.some_line()]
        ripples = [(r.name, r.parents) for r in release.ripples]
        if len(ripples) > 1 and self.draw(st.booleans()):
            ripples.pop()
        else:
            ripples.append((f"x{self.changes}", tuple(name for name, _ in ripples[-1:])))
        self._deploy(replace(release, ripples=pond(release.line, ripples=ripples).ripples))

    def _remove(self) -> None:
        """A line that no other line requires."""
        needed = {s.line for r in self.releases.values() for s in r.sources if not s.optional}
        free = [line for line in self.releases if line not in needed]
        if free and len(self.releases) > 1:
            line = self.draw(st.sampled_from(free))
            self.world.remove(line)
            self.removed[line] = self.releases.pop(line)

    def _return(self) -> None:
        """A line that was removed is deployed again. Its Sources may be gone: it waits for them,
        as a new one does.
        """
        if self.removed:
            self._deploy(self.removed.pop(self.draw(st.sampled_from(sorted(self.removed)))))

    def _deploy(self, release: Release) -> None:
        self.changes += 1
        release = replace(
            release,
            version=f"1.0.{self.changes}",
            artifact=f"artifacts/{release.line}/{self.changes}",
        )
        self.releases[release.line] = release
        self.world.deploy(release)

    def _pulse(self) -> None:
        self.world.trigger(self.some_line(), "pulse")

    def _tap(self) -> None:
        self.world.trigger(self.some_line(), "tap")

    def _wake(self) -> None:
        self.world.order(self.some_line(), "wake")

    def _force(self) -> None:
        self.world.order(self.some_line(), "force")

    def _kill(self) -> None:
        self.world.order(self.some_line(), "kill")

    def _clear(self) -> None:
        self.world.order(self.some_line(), "clear")

    def _sleep(self) -> None:
        self.world.order(self.some_line(), "sleep")

    def _hold(self) -> None:
        """Maintenance begins, or ends."""
        self.world.hold(on=not self.world.held.on)

    def _slip(self) -> None:
        """Killed, and let go on a moment later."""
        line = self.some_line()
        self.world.order(line, "kill")
        self.wait(self.draw(st.sampled_from([0, 2])))
        self.world.order(line, "clear")

    def _wave(self) -> None:
        self.world.trigger(self.some_line(), "wave")

    def _tide(self) -> None:
        self.world.trigger(
            self.some_line(), "tide", bound=seconds(self.draw(st.sampled_from([5, 40])))
        )

    def _untrigger(self) -> None:
        self.world.trigger(self.some_line(), "remove")

    def _budget(self) -> None:
        self.world.set_budgets(
            self.some_line(),
            immediate=self.draw(st.integers(0, 2)),
            source=self.draw(st.integers(0, 2)),
        )

    def _limited(self) -> None:
        """A version of which some Ripples use limits."""
        release = self.releases[self.some_line()]
        names = self.draw(st.lists(st.sampled_from(LIMITS), unique=True, max_size=2))
        specs = [
            replace(spec, uses=tuple(sorted(names)) if self.draw(st.booleans()) else ())
            for spec in release.ripples
        ]
        self._deploy(replace(release, ripples=tuple(specs)))

    def _limit(self) -> None:
        """Set, raised, lowered or removed."""
        self.world.set_limit(
            self.draw(st.sampled_from(LIMITS)), self.draw(st.sampled_from([1, 1, 2, 3, None]))
        )

    def _priority(self) -> None:
        self.world.set_priority(self.some_line(), self.draw(st.sampled_from([0, 50, 100])))

    def _window(self) -> None:
        line = self.some_line()
        for window in self.draw(rules(lasting=True)):
            self.world.add_window(line, window)

    def _no_window(self) -> None:
        line = self.some_line()
        for name in ("one", "two"):
            self.world.remove_window(line, name)


EVERYTHING = (
    "nothing", "lose", "redeploy", "rewire", "reshape", "remove", "return",
    "pulse", "tap", "wake", "force", "kill", "clear", "budget", "window", "no_window",
    "limited", "limit", "priority", "hold",
)  # fmt: skip
"""But for sleep, which makes a line forget what its Sinks still wait for."""
