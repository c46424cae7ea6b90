"""The slow sweep: tells what no event told (``sweep``), and deletes what nothing names any more
(``tidy``).
"""
