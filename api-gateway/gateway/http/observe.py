"""What is recorded of every request: its id, its line in the access log, its metrics."""

import logging
import re
import time
import uuid
from collections.abc import Callable
from contextvars import ContextVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.http.caller import ASKED_MODELS, ERROR_CODE, IDENTITY, TRACE_ID, client_address
from gateway.http.headers import REQUEST_ID_HEADER, VERSION_HEADER
from gateway.http.policy import policy_for
from gateway.tracing import context

access_logger = logging.getLogger("gateway.access")

METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: What a scraper says that takes exemplars. Prometheus does; everything else gets the older format.
OPENMETRICS = "application/openmetrics-text"
#: Seconds; from a refused request to an image that waited for its turn.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
#: nginx's status for a connection that was lost before an answer.
CONNECTION_LOST = 499

#: Narrow on purpose: an id ends up in headers and logs of other systems too.
_VALID_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_ID_KEY = REQUEST_ID_HEADER.lower().encode()
_VERSION_KEY = VERSION_HEADER.lower().encode()

_current: ContextVar[str | None] = ContextVar("request_id", default=None)


def current_request_id() -> str | None:
    """Return the id of the request that this task answers, or None outside of a request."""
    return _current.get()


def choose_request_id(offered: bytes | None) -> str:
    """Return the client's id if it is 1 to 64 of ``A-Za-z0-9._-``, otherwise a new one of 32 hexadecimal digits."""
    if offered is not None and _VALID_ID.fullmatch(offered):
        return offered.decode("ascii")
    return uuid.uuid4().hex


class Metrics:
    """The gateway's metrics, in a registry of their own, so that two applications in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "gateway_requests", "Requests answered", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "gateway_request_seconds", "Time to answer", ["route"], buckets=BUCKETS, registry=self.registry
        )
        self.model_requests = Counter(
            "gateway_model_requests", "Requests for predictions of a model", ["model", "status"], registry=self.registry
        )
        self.model_seconds = Histogram(
            "gateway_model_request_seconds",
            "Time to answer a request for predictions of a model",
            ["model"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.in_flight = Gauge("gateway_requests_in_flight", "Requests being answered now", registry=self.registry)
        self.auth = Counter("gateway_auth", "Callers asked who they are", ["method", "outcome"], registry=self.registry)
        self.errors = Counter(
            "gateway_errors", "Errors answered, by the code in their body", ["route", "code"], registry=self.registry
        )
        self.received = Counter(
            "gateway_received_bytes", "Bytes of request bodies that were read", ["route"], registry=self.registry
        )
        self.sent = Counter("gateway_sent_bytes", "Bytes of answers' bodies", ["route"], registry=self.registry)
        ProcessCollector(registry=self.registry)  # memory, CPU time and open files of this process
        self._ready = Gauge("gateway_model_ready", "1 if the model can be used, else 0", registry=self.registry)

    def watch_readiness(self, ready: Callable[[], bool]) -> None:
        """Report what ``ready`` returns at the moment of each scrape."""
        self._ready.set_function(lambda: float(ready()))

    def count(self, scope: Scope, status: int, seconds: float, received: int = 0, sent: int = 0) -> None:
        """Count a request under its route's template, never under its raw path; ``status`` 0 means no answer.

        It counts for each model that it asked for predictions, if the model exists. The times carry the request's trace
        as an exemplar, if it has one.
        """
        route = getattr(scope.get("route"), "path", "unmatched")
        # An unknown method is the client's invention: as a label it would grow without bound.
        method = scope["method"] if route != "unmatched" and status != 405 else "other"
        self.requests.labels(method, route, status or CONNECTION_LOST).inc()
        trace: str | None = scope.get(TRACE_ID)
        exemplar = {"trace_id": trace} if trace else None
        self.seconds.labels(route).observe(seconds, exemplar)
        self.received.labels(route).inc(received)
        self.sent.labels(route).inc(sent)
        if (code := scope.get(ERROR_CODE)) is not None:
            self.errors.labels(route, code).inc()
        for model in scope.get(ASKED_MODELS, ()):
            self.model_requests.labels(model, status or CONNECTION_LOST).inc()
            self.model_seconds.labels(model).observe(seconds, exemplar)

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Return all metrics and their content type: OpenMetrics for a scraper that accepts it, else Prometheus' text.

        Only OpenMetrics has exemplars.
        """
        if OPENMETRICS in accept.lower():
            generate: Callable[[CollectorRegistry], bytes] = openmetrics.generate_latest
            return generate(self.registry), openmetrics.CONTENT_TYPE_LATEST
        return generate_latest(self.registry), METRICS_CONTENT_TYPE


class ObserveMiddleware:
    """Pure ASGI layer that gives each request its id, and counts and logs it when its answer is out.

    The id is set for everything below, and is a header of the answer.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on; count and log it when it ends."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = choose_request_id(next((value for name, value in scope["headers"] if name == _ID_KEY), None))
        started = time.perf_counter()
        status = received = sent = 0  # the status stays 0 if the connection is lost before an answer
        version: str | None = None

        async def counting_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message

        async def counting_send(message: Message) -> None:
            nonlocal status, sent, version
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.get("headers", ())
                version = next((value.decode() for name, value in headers if name == _VERSION_KEY), None)
                _describe_answer(scope, version)
                message["headers"] = [*headers, (_ID_KEY, request_id.encode("ascii"))]
            else:
                sent += len(message.get("body", b""))
            await send(message)

        token = _current.set(request_id)
        if (trace := context.recorded_trace_id()) is not None:
            scope[TRACE_ID] = trace
        context.describe({"request.id": request_id}, has_query=bool(scope["query_string"]))
        self.metrics.in_flight.inc()
        try:
            await self.app(scope, counting_receive, counting_send)
        finally:
            self.metrics.in_flight.dec()
            seconds = time.perf_counter() - started
            self.metrics.count(scope, status, seconds, received, sent)
            _log(scope, status, seconds, received, sent, version)
            _current.reset(token)


def _describe_answer(scope: Scope, version: str | None) -> None:
    facts = {"model.name": ",".join(scope.get(ASKED_MODELS, ())), "model.version": version}
    context.describe({name: value for name, value in facts.items() if value})


def _log(scope: Scope, status: int, seconds: float, received: int, sent: int, version: str | None) -> None:
    level = logging.DEBUG if status == 200 and policy_for(scope["path"]).quiet else logging.INFO
    if not access_logger.isEnabledFor(level):
        return
    fields = {
        "client": client_address(scope),
        "method": scope["method"],
        "path": scope["path"],
        "status": status,
        "duration_ms": round(seconds * 1000, 2),
        "bytes_in": received,
        "bytes": sent,
    }
    for name, key in (("identity", IDENTITY), ("error", ERROR_CODE)):
        if (value := scope.get(key)) is not None:
            fields[name] = value
    if models := scope.get(ASKED_MODELS):
        fields["model"] = ",".join(models)
    if version is not None:
        fields["version"] = version
    access_logger.log(level, "request", extra=fields)
