"""What leaves the process as metrics, spans and log lines.

Begin with ``metrics``, which exports the figures of a database to Prometheus and needs the extra
``metrics``, with ``opentelemetry``, which reports them with spans and needs the extra ``otel``, or
with ``logging``, which keeps passwords out of log lines.
"""
