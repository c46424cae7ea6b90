"""Deliveries to limits that die between any two port calls: no token is lost, none is given
twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from duckstring.engine.limits import LimitSet, LimitState
from duckstring.engine.signals import AlarmRang, Deployed, Triggered
from duckstring.engine.tokens import claims_of, misheard
from duckstring.orchestrator.deliver_limit import deliver_limit
from duckstring.ports import SOON
from duckstring.testing.fakes import MemoryLimits
from duckstring.testing.simulator import START, pond, seconds
from tests.property.test_protocol import CrashError, Fuse, Mortal, Plant, sound

USES = {"run": ("databricks",)}
PONDS = (pond("a@1", uses=USES), pond("b@1", uses=USES), pond("c@1", "b@1", uses=USES))


@dataclass
class LimitedPlant(Plant):
    """A Catchment in memory with a limit."""

    limits: MemoryLimits = field(default_factory=MemoryLimits)
    most: int = 0
    renewed: int = 0

    def run(self, most: int = 20_000) -> None:
        for _ in range(most):
            limits = [name for name, queue in sorted(self.mailbox.to_limits.items()) if queue]
            lines = self.mailbox.waiting()
            if lines or limits:
                chosen = self._random.choice([*lines, *limits])
                (self._deliver if chosen in lines else self._deliver_to_limit)(chosen)
            elif not self.clock.advance() and not self._sweep():
                return
        raise AssertionError("never at rest")

    def _deliver_to_limit(self, name: str) -> None:
        letters = self.mailbox.to_limits[name][:10]
        try:
            deliver_limit(
                name,
                letters,
                store=Mortal(self.limits, self.fuse),
                mailbox=Mortal(self.mailbox, self.fuse),
                revision_of=lambda line: self.store.load(line).state.revision,
                clock=self.clock,
            )
            self.fuse.moment()
        except CrashError:
            self.crashes += 1
            return
        finally:
            self._check(self.limits.load(name).state)
        marks = {letter.mark for letter in letters}
        left = [one for one in self.mailbox.to_limits[name] if one.mark not in marks]
        self.mailbox.to_limits[name] = left

    def _check(self, state: LimitState) -> None:
        self.most = max(self.most, len(state.holders))
        assert state.tokens is None or len(state.holders) <= state.tokens

    def _sweep(self) -> bool:
        again = super()._sweep()
        for name, held in self.limits.held.items():
            if held.outbox:
                self.renewed += 1
                self.mailbox.put_to_limit(name, AlarmRang())
                again = True
        return again


def pulsed(plant: LimitedPlant) -> LimitedPlant:
    plant.mailbox.put_to_limit("databricks", LimitSet(1, START))
    for release in PONDS:
        plant.post(release.line, Deployed(release))
    plant.run()
    for number, line in enumerate(("a@1", "c@1")):
        plant.post(line, Triggered("pulse", START + seconds(1000 + number)))
    plant.run()
    return plant


def test_a_crash_at_any_moment_loses_no_token_and_gives_none_twice() -> None:
    calm = pulsed(LimitedPlant())
    assert calm.most == 1
    for n in range(1, calm.fuse.moments + 1):
        fuse = Fuse(lambda moment, n=n: moment == n)
        hit = pulsed(LimitedPlant(fuse, forgets=n % 2 == 0, seed=n % 3))
        assert hit.crashes == 1
        sound(hit)
        assert hit.published().keys() == calm.published().keys()
        assert all(state.snapshot for state in hit.states.values())
        (limit,) = hit.limits.held.values()
        assert limit.state.holders == limit.state.waiting == []
        assert limit.outbox == ()
        for state in hit.states.values():
            assert claims_of(state.ripples) == {}
            assert misheard(state, {"databricks": limit.state}) == []


def test_grants_that_may_not_have_been_sent_are_sent_again() -> None:
    plant = pulsed(LimitedPlant())
    plant.post("a@1", Triggered("pulse", START + seconds(5000)))
    while not plant.mailbox.to_limits["databricks"]:
        plant._deliver(plant.mailbox.waiting()[0])
    letters = list(plant.mailbox.to_limits["databricks"])
    plant._deliver_to_limit("databricks")
    first = plant.limits.load("databricks").outbox
    assert first
    sent = len(plant.mailbox._keys)
    plant.mailbox.to_limits["databricks"] = letters  # the acknowledgement was lost
    plant.mailbox.forgets = True
    plant._deliver_to_limit("databricks")
    assert len(plant.mailbox.queues["a@1"]) == 2
    assert plant.limits.load("databricks").outbox == ()
    assert len(plant.mailbox._keys) == sent
    plant.clock.wait(SOON + seconds(1))
    plant.run()
    assert plant.limits.load("databricks").state.holders == []
