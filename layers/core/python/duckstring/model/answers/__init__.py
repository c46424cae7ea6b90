"""The answers of the api function, as types: docs/protocol.md, "Api function".

The use cases in ``api/`` return these shapes and the command reads them, so mypy finds where the
two differ. Everything is plain JSON. A field is ``NotRequired`` only if an answer may lack it. A
Catchment of an older version may lack newer fields: the command reads those with ``get``.

The api's modules import this one for type checkers only, because an import costs a function time at
its start.
"""
