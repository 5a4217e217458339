"""Staying in step: what has changed since a client read, and what was deleted, for a while.

Begin with `feed`, which reads both in one statement.
"""
