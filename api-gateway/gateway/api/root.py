"""GET / and GET /metrics: the page or the list of routes, and the metrics for Prometheus."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway import errors
from gateway.api.openapi.document import error_answers, example_answer, text_example
from gateway.api.page.routes import NOT_MODIFIED, page_response, wants_page
from gateway.api.schemas import REQUEST_ID_EXAMPLE, RootResponse
from gateway.api.services import ServicesOf
from gateway.http.observe import current_request_id

router = APIRouter(responses=error_answers(errors.InternalError))


_EXAMPLE = example_answer(RootResponse(request_id=REQUEST_ID_EXAMPLE))[200]["content"]
_PAGE = text_example('<!doctype html>\n<html lang="en">…</html>\n')
_METRICS = text_example("""# HELP gateway_requests_total Requests answered
# TYPE gateway_requests_total counter
gateway_requests_total{method="POST",route="/predict",status="200"} 1204.0
# HELP gateway_model_ready 1 if the model can be used, else 0
# TYPE gateway_model_ready gauge
gateway_model_ready 1.0
""")


@router.get(
    "/",
    response_model=RootResponse,
    tags=["about"],
    responses={
        200: {
            "description": "The main routes; for `Accept: text/html` the page to try images on",
            "content": {**_EXAMPLE, "text/html": _PAGE},
        },
        **NOT_MODIFIED,
    },
)
async def root(request: Request, response: Response) -> RootResponse | Response:
    """Return the page where images can be tried to browsers, and the main routes to other clients."""
    if wants_page(request.headers.get("accept", "")):
        return page_response(request)
    response.headers["Vary"] = "Accept"
    return RootResponse(request_id=current_request_id())


@router.get(
    "/metrics",
    tags=["about"],
    response_class=Response,
    responses={200: {"description": "Prometheus' text format", "content": {"text/plain": _METRICS}}},
)
async def metrics(request: Request, services: ServicesOf) -> Response:
    """Return requests, latency, what was detected, workers, memory: see docs/observability.md."""
    await services.workers.refresh()
    content, content_type = services.metrics.render(request.headers.get("accept", ""))
    return Response(content, headers={"Content-Type": content_type, "Vary": "Accept"})
