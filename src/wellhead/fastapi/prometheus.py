"""The route for Prometheus."""

from collections.abc import Mapping, Sequence

from fastapi import FastAPI, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from wellhead.database import Database
from wellhead.fastapi.probes import ProbeRoute
from wellhead.telemetry.metrics import DatabaseCollector
from wellhead.telemetry.summed import SummedCollector
from wellhead.telemetry.workers import FellowWorkers


def install_metrics(
    app: FastAPI,
    databases: Mapping[str, Database],
    *,
    registry: CollectorRegistry | None,
    collectors: Sequence[Collector],
    workers: FellowWorkers,
    prefix: str,
) -> None:
    """Add ``/metrics``, with the figures of these databases, and of the registry if there is one.

    Those of the databases and of the collectors are added up over all workers. The OpenAPI document
    leaves it out: its clients know its path.
    """
    registry = registry or CollectorRegistry()
    summed = SummedCollector([DatabaseCollector(databases), *collectors], workers)
    registry.register(summed)

    # In the event loop, where the figures change, so that they are consistent.
    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        await summed.ask()
        return Response(encode(registry), headers={"Content-Type": content_type})

    app.router.add_api_route(
        f"{prefix}/metrics", metrics, include_in_schema=False, route_class_override=ProbeRoute
    )
