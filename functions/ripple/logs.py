"""The worker's log: one JSON object on each line, with the attempt that it belongs to, including
the author's own lines.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from duckstring.model.foreign import Redactor
from duckstring.worker.output import CHATTY
from functions.json_log import json_logger

redactor = Redactor(os.environ)
"""Of this process: it learns the Catchment's secret where that is read."""

logger = json_logger("ripple", redactor)


def begin() -> logging.Logger:
    """Set up every logger of the process. Returns the worker's own."""
    logging.basicConfig(handlers=[logger.registered_handler], level=logging.INFO, force=True)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    return logging.getLogger("duckstring")


def label(keys: Mapping[str, object]) -> None:
    """Put keys on each line, until ``labelled`` ends."""
    logger.append_keys(**keys)


@contextmanager
def labelled(**keys: object) -> Iterator[None]:
    """Within the block each line has these keys, and those that ``label`` adds to them."""
    before = set(logger.get_current_keys())
    label(keys)
    try:
        yield
    finally:
        logger.remove_keys(set(logger.get_current_keys()) - before)
