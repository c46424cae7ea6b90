"""The api: one use case in each file, for the command and the page. It reads what is stored, and
posts letters.
"""
