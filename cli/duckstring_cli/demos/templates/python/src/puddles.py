"""The Puddles of $name: small tables in the place of its Sources, to run it on your own machine.

$name has no Sources yet. Once pond.toml names one, write a function for each table that is read:

    @puddle("source.table")
    def some_rows():
        return [{"id": 1, "amount": 9.5}]

A Catchment never reads this file.
"""
