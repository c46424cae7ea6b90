"""The sweep: posts what no event has reported (``sweep``), and deletes what nothing refers to
(``tidy``).
"""
