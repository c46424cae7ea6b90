"""The orchestrator's Lambda handler: mailbox batches, due delays, and events from the bus."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from duckstring import wiring
from duckstring.adapters.aws.inbox import Batch, batches, divided, forwarded, postpone
from duckstring.errors import StateConflictError
from duckstring.model.costs import plus
from duckstring.model.events import POND_TYPE
from duckstring.model.foreign import Redactor
from duckstring.model.names import Address, Line, limit_of
from duckstring.model.schema import NewerSchemaError
from duckstring.orchestrator import forward
from duckstring.orchestrator.credible import credible
from duckstring.orchestrator.deliver import deliver
from duckstring.orchestrator.deliver_limit import deliver_limit
from duckstring.orchestrator.perform import perform
from duckstring.orchestrator.run_log import runs_over
from duckstring.orchestrator.task_ended import task_ended
from duckstring.orchestrator.usage import Books
from duckstring.orchestrator.worker_verdict import with_worker_verdicts
from functions.json_log import counted, json_logger

logger = json_logger("orchestrator", Redactor(os.environ))
# The use cases' log lines with their fields. Lambda's own handler would print the message only.
logging.basicConfig(handlers=[logger.registered_handler], level=logging.WARNING, force=True)
app = wiring.orchestrator(os.environ)
books = Books(
    lambda: plus(app.clients.tally.so_far(), {"log_bytes": counted.written}),
    app.clients.tally.of_this_thread,
    memory_mib=int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "0")),
    is_arm=platform.machine() in {"aarch64", "arm64"},
)

_LINES = ThreadPoolExecutor(max_workers=10, thread_name_prefix="line")
_UPGRADE = "Deploy the newer release again: docs/aws.md, Upgrading."
RACES = 5
"""A lost race is run again at once: the winner has committed, so somebody always advances."""


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Deliver a mailbox batch, or pass on an event.

    Returns:
        The partial batch response of SQS.
    """
    books.begin()
    try:
        return _handle(event)
    finally:
        books.end(polled="Records" in event)


def _handle(event: dict[str, Any]) -> dict[str, Any]:
    records = event.get("Records")
    if records is None:
        _pass_on(event)
        return {}
    if not records[0]["eventSourceARN"].endswith(".fifo"):
        due, early = forwarded(records, app.clock.now())
        for line, at in early:
            app.ports.alarms.set(line, at)
        app.ports.mailbox.send(due)
        return {"batchItemFailures": []}
    # Lines are independent of each other, and each waits for its own requests most of the time.
    found = batches(records, app.settings.attempt_role_id)
    deliver_one = partial(_deliver, share=1 / max(1, len(found)))
    return {
        "batchItemFailures": [
            {"itemIdentifier": m} for again in _LINES.map(deliver_one, found) for m in again
        ]
    }


def _pass_on(event: dict[str, Any]) -> None:
    if event.get("source") == "aws.ecs":
        is_answered = task_ended(event, tokens=app.tokens, overrides=app.overrides)
        logger.info("task's end passed on", task=event.get("resources"), told=is_answered)
        return
    if event.get("detail-type") == POND_TYPE:
        from duckstring.orchestrator.alert import tell  # noqa: PLC0415 - few deliveries need it

        logger.info("event looked at", pages=tell(event, wiring.alerts(app)))
        return
    letters = forward.forward(event, catalog=app.catalog, arrivals=app.arrivals, clock=app.clock)
    for one in forward.audited(event, letters, app.clock.now()):
        wiring.audits(app).record(one)
    app.ports.mailbox.send(letters)
    logger.info("event forwarded", source=event.get("source"), letters=len(letters))


def _deliver(batch: Batch, *, share: float) -> Iterable[str]:
    """The messages to deliver again: none, or this line's from the first one on that failed."""
    try:
        now, waiting = divided(batch, lambda: _newest_schema(batch.line))
    except Exception:
        logger.exception("delivery failed", line=batch.line)
        return [*batch.messages, *(one.record["messageId"] for one in batch.newer)]
    again = _deliver_now(now, share=share) if now.messages else ()
    if not waiting.messages:
        return again
    logger.error("letters wait for the newer release", line=batch.line, hint=_UPGRADE)
    _postpone(waiting)
    return [*again, *waiting.messages]


def _newest_schema(to: Address) -> int:
    """The newest schema that the Catchment's own programs have written: of all, of a line, or of a
    limit.
    """
    name = limit_of(to)
    own = app.limits.schema(name) if name else app.store.schema(Line(to))
    return max(app.schema.read(), own)


def _deliver_once(batch: Batch, *, share: float) -> None:
    if name := limit_of(batch.line):
        _told(
            batch,
            deliver_limit(
                name,
                batch.to_limit,
                store=app.limits,
                mailbox=app.ports.mailbox,
                revision_of=lambda line: app.store.load(line).state.revision,
                clock=app.clock,
            ),
        )
        return
    line, entry = Line(batch.line), books.entry(share)
    effects = deliver(
        line,
        batch.letters,
        store=app.store,
        gates=app.gates,
        perform=lambda state, outbox: perform(state, outbox, app.ports),
        clock=app.clock,
        believes=lambda letters: with_worker_verdicts(
            line, credible(line, letters, app.catalog), app.store, app.ends
        ),
        entry=entry,
    )
    books.keep(entry)
    _told(batch, effects)
    for fields in runs_over(line, effects):
        logger.info("run over", extra=dict(fields))


def _told(batch: Batch, effects: Sequence[object]) -> None:
    logger.info(
        "delivered",
        line=batch.line,
        signals=batch.kinds,
        effects=[type(e).__name__ for e in effects],
    )


def _deliver_now(batch: Batch, *, share: float) -> Iterable[str]:
    for attempt in range(1, RACES + 1):
        try:
            _deliver_once(batch, share=share)
        except StateConflictError:
            logger.warning("race lost", line=batch.line, attempt=attempt)
        except NewerSchemaError as error:
            logger.error("delivery refused: %s", error.message, hint=error.hint)  # noqa: TRY400 - one line
            break
        except Exception:
            logger.exception(
                "delivery failed", line=batch.line, messages=batch.messages, received=batch.seen
            )
            break
        else:
            return ()
    _postpone(batch)
    return batch.messages


def _postpone(batch: Batch) -> None:
    try:
        postpone(app.clients.sqs, app.settings.mailbox, batch)
    except Exception:
        # Raising from here would end the invocation, and freeze other lines' deliveries between
        # commit and performance.
        logger.warning("not postponed", line=batch.line, exc_info=True)
