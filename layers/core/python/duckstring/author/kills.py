"""What a function given as ``on_kill=`` may say besides that it is done, or not."""

from __future__ import annotations


class Requested(str):
    """Returned by an ``on_kill`` that has asked for an end and not seen it: history shows
    ``requested``, and this text.
    """

    __slots__ = ()
