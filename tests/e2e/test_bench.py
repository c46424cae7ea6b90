"""The benches still run on the stack as it is: what they print is for people, that they print is
for us.
"""

from __future__ import annotations

from bench import imports, requests
from bench.ground import ground


def test_requests_and_invocations_are_counted_on_a_catchment_of_its_own():
    with ground() as one:
        figures = {figure.name.strip(): figure.value for figure in requests.measure(one)}
    assert 10 < figures["requests to AWS per Pond Run (1 Ripple, 1 Source, 1 table)"] < 60
    assert figures["invocations: Orchestrator"] > 1
    assert figures["state transitions per Pond Run, 1 Ripple"] == 3


def test_each_function_is_imported_as_it_is_deployed(monkeypatch):
    monkeypatch.setattr(imports, "_RUNS", 1)
    figures = imports.measure()
    assert [figure.name for figure in figures[::2]] == [
        f"import of the {name} function: processor" for name in imports.FUNCTIONS
    ]
    assert all(figure.value > 0 for figure in figures)
