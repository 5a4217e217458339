"""From settings to connections: which pool, which driver arguments, which listeners.

Begin with ``engine``, which makes the engine and the function that opens one connection.
``listeners`` and ``cancelling`` are what it attaches to the engine; ``fleet`` warns where all
processes together want more connections than the server has.
"""

from wellhead.connecting.engine import build_engine, connect_first, connector, plan_pool, probe

__all__ = ["build_engine", "connect_first", "connector", "plan_pool", "probe"]
