"""The words between the state machine, the workers and the orchestrator that are no field of a letter (docs/protocol.md)."""

DONE = "Duckstring.Done"
"""The error with which a gate fails whose branch has nothing left to do."""

CANCELLED = "Duckstring.Cancelled"
"""The error with which a gate fails whose run has failed; the cause is the failure as JSON, or ``null``."""

ENDED = "duckstring.ended:"
"""What the message of a worker's error begins with that tells how its attempt ended; the answer follows, as JSON."""
