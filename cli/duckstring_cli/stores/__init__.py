"""The stores of a Catchment (table, bucket, secret) by the user's own credentials: their settings,
copies of them, and what is left of them.
"""
