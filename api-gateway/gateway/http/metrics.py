"""Prometheus metrics of the gateway: requests, latency, what is in flight, whether the model is ready."""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: Seconds; from a refused request to a picture that waited for its turn.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The gateway's metrics in a registry of their own, so that two applications in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "gateway_requests", "Requests answered", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "gateway_request_seconds", "Time to answer", ["route"], buckets=BUCKETS, registry=self.registry
        )
        self.in_flight = Gauge("gateway_requests_in_flight", "Requests being answered now", registry=self.registry)
        self.auth = Counter("gateway_auth", "Callers asked who they are", ["method", "outcome"], registry=self.registry)
        self._ready = Gauge("gateway_model_ready", "1 if the model can be used, else 0", registry=self.registry)

    def watch_readiness(self, ready: Callable[[], bool]) -> None:
        """Report what ``ready`` says at the moment of each scrape."""
        self._ready.set_function(lambda: float(ready()))

    def render(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self.registry)


class MetricsMiddleware:
    """Pure ASGI layer that counts and times each request under its route's template, never its raw path."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, then count it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 499  # what is left if the connection broke before an answer

        async def noting_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = time.perf_counter()
        self.metrics.in_flight.inc()
        try:
            await self.app(scope, receive, noting_send)
        finally:
            self.metrics.in_flight.dec()
            route = getattr(scope.get("route"), "path", "unmatched")
            # An unknown method is the client's invention: as a label it would grow without bound.
            method = scope["method"] if route != "unmatched" and status != 405 else "other"
            self.metrics.requests.labels(method, route, status).inc()
            self.metrics.seconds.labels(route).observe(time.perf_counter() - started)
