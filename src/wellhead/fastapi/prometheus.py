"""The route for Prometheus."""

from collections.abc import Mapping

from fastapi import FastAPI, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from wellhead.database import Database
from wellhead.fastapi.probes import ProbeRoute
from wellhead.telemetry.metrics import DatabaseCollector


def install_metrics(
    app: FastAPI,
    databases: Mapping[str, Database],
    *,
    registry: CollectorRegistry | None,
    prefix: str,
) -> None:
    """Add ``/metrics``, with the figures of these databases, and of the registry if there is one.

    The OpenAPI document leaves it out: its clients know its path.
    """
    registry = registry or CollectorRegistry()
    registry.register(DatabaseCollector(databases))

    # In the event loop, where the figures change, so that they are consistent.
    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return Response(encode(registry), headers={"Content-Type": content_type})

    app.router.add_api_route(
        f"{prefix}/metrics", metrics, include_in_schema=False, route_class_override=ProbeRoute
    )
