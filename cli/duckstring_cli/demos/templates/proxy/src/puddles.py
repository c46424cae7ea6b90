"""The Puddles of $name: it reads no tables, so there are none. A Catchment never reads this file.

Its tests have an engine in the place of the real one: duckstring.external.fake.
"""
