"""$name is an Outlet: tables for people, which no other Pond reads."""

from duckstring import Pond, ripple


@ripple
def totals(pond: Pond) -> None:
    """What each customer has paid."""
    rows = pond.read_table("$source.$source")
    paid = rows.filter("amount > 0").aggregate("customer, count(*) AS rows, sum(amount) AS amount")
    pond.write_table("$name", paid.order("amount DESC, customer"))
