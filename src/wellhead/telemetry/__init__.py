"""What leaves the process as metrics and log lines.

Begin with ``metrics``, which exports the figures of a database to Prometheus and needs the extra
``metrics``, or with ``logging``, which keeps passwords out of log lines.
"""
