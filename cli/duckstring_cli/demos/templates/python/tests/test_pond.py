"""Tests of $name: run them with `duckstring pond test`."""


def test_numbers_are_summed_up_by_kind(pond_run):
    ran = pond_run()

    assert ran.rows("summary") == [
        {"even": False, "numbers": 50, "total": 2500},
        {"even": True, "numbers": 50, "total": 2450},
    ]
