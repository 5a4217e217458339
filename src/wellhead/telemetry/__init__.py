"""What leaves the process as figures and as log lines.

Begin with ``metrics``, which hands the figures of a database to Prometheus and needs the extra
``metrics``, or with ``logging``, which keeps passwords out of the lines.
"""
