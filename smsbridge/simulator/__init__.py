"""A pretend outside world: a chat server that speaks Layer's server API, and pretend phones with a pretend SMS vendor.

It imports nothing of the rest of the program and is imported by nothing of it; the two meet over HTTP only.
"""
