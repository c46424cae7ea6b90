"""The words between the state machine, the workers and the orchestrator that are not fields of a
letter (docs/protocol.md).
"""

DONE = "Duckstring.Done"
"""The error with which a gate fails whose branch has nothing left to do."""

CANCELLED = "Duckstring.Cancelled"
"""The error with which a gate fails whose run has failed; the cause is the failure as JSON, or
``null``.
"""

TASK = "Duckstring.Task"
"""The error with which a gate fails whose attempt runs as a task; the cause is its number and
the memory of the task, as JSON.
"""

MOST_BRANCHES = 40
"""An inline Map runs no more at a time; the branches come in topological order, so more of them
still progress.
"""

ENDED = "duckstring.ended:"
"""What the message of a worker's error begins with that tells how its attempt ended; the answer
follows, as JSON.
"""

BEAT_SECONDS = 60
"""How often a task sends a heartbeat for its worker."""

SILENCE_SECONDS = 3 * BEAT_SECONDS
"""A task without a heartbeat for so long is lost. The first heartbeat comes from a running worker,
and a task takes a minute or two to start: a shorter time would count those as lost. ECS reports a
stopped task at once.
"""
