"""The checks, and the diagnoses that each of them can make.

A check is an async generator function that yields what it finds, in one module with its
diagnoses. ``catalogue``, one level up, has their order.
"""
