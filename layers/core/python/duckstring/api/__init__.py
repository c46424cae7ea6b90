"""The api: one use case a file, for the command and the page. It reads what is there, and posts
letters.
"""
