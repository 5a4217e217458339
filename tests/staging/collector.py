"""A collector of OpenTelemetry: it takes what an exporter sends by OTLP over HTTP, and keeps it.

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(slots=True)
class Collector:
    """What has arrived.

    Attributes:
        url: Where it listens.
        spans: The spans, in order.
        metrics: The last of each metric, by its name.
        raw: The bodies of the requests.
    """

    url: str
    spans: list[Span] = field(default_factory=list)
    metrics: dict[str, Metric] = field(default_factory=dict)
    raw: list[bytes] = field(default_factory=list)

    def take(self, path: str, body: bytes) -> None:
        """Decode and keep what was sent to a path."""
        self.raw.append(body)
        if path == "/v1/traces":
            for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for of_scope in of_resource.scope_spans:
                    self.spans += of_scope.spans
        elif path == "/v1/metrics":
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for scope in resource.scope_metrics:
                    self.metrics |= {metric.name: metric for metric in scope.metrics}
        else:
            raise ValueError(path)


def attributes_of(pairs: Any) -> dict[str, str | int]:
    """Attributes as they came over the wire."""
    return {pair.key: _value_of(pair) for pair in pairs}


def _value_of(pair: KeyValue) -> str | int:
    kind = pair.value.WhichOneof("value")
    assert kind in {"string_value", "int_value"}, kind
    value: str | int = getattr(pair.value, kind)
    return value


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port of 127.0.0.1, in threads of its own."""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                collector.take(self.path, body)
            except ValueError as error:
                self.send_error(400, str(error))
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_port}")
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
