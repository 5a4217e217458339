"""Neon, staged: computes that sleep, and the proxy that wakes them.

What is staged after the documentation and the source of Neon's proxy, and what is not, stands in
docs/decisions/0021.
"""

from tests.staging.neon.compute import StoppedPostgres, prepare
from tests.staging.neon.proxy import DOMAIN, ENDPOINT, Figures, ProxyError, StagedNeon

__all__ = [
    "DOMAIN",
    "ENDPOINT",
    "Figures",
    "ProxyError",
    "StagedNeon",
    "StoppedPostgres",
    "prepare",
]
