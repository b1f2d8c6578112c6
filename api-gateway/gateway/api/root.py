"""GET / and GET /metrics: the page for people or where to go from here, and what Prometheus scrapes."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway import __version__, errors
from gateway.api.openapi.document import error_answers, example_answer
from gateway.api.page.routes import NOT_MODIFIED, page_response, wants_page
from gateway.api.schemas import REQUEST_ID_EXAMPLE, RootResponse
from gateway.api.services import ServicesOf
from gateway.http.observe import METRICS_CONTENT_TYPE, current_request_id

router = APIRouter(responses=error_answers(errors.InternalError))


def _addresses(request_id: str | None) -> RootResponse:
    return RootResponse(
        name="yolo-serving gateway",
        version=__version__,
        docs="/docs",
        predict="/predict",
        batch="/predict/batch",
        health="/health",
        models="/models",
        open_inference_protocol="/v2",
        deepstack="/v1/vision/detection",
        request_id=request_id,
    )


_EXAMPLE = example_answer(_addresses(REQUEST_ID_EXAMPLE))[200]["content"]
_PAGE_EXAMPLE = '<!doctype html>\n<html lang="en">…</html>\n'
_METRICS_EXAMPLE = """# HELP gateway_requests_total Requests answered
# TYPE gateway_requests_total counter
gateway_requests_total{method="POST",route="/predict",status="200"} 1204.0
# HELP gateway_model_ready 1 if the model can be used, else 0
# TYPE gateway_model_ready gauge
gateway_model_ready 1.0
"""


@router.get(
    "/",
    response_model=RootResponse,
    tags=["about"],
    responses={
        200: {
            "description": "The addresses worth knowing; for `Accept: text/html` the page to try images on",
            "content": {**_EXAMPLE, "text/html": {"schema": {"type": "string"}, "example": _PAGE_EXAMPLE}},
        },
        **NOT_MODIFIED,
    },
)
async def root(request: Request, response: Response) -> RootResponse | Response:
    """Show browsers the page where images can be tried; name the addresses worth knowing to everything else."""
    if wants_page(request.headers.get("accept", "")):
        return page_response(request)
    response.headers["Vary"] = "Accept"
    return _addresses(current_request_id())


@router.get(
    "/metrics",
    tags=["about"],
    response_class=Response,
    responses={
        200: {
            "description": "Prometheus' text format",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": _METRICS_EXAMPLE}},
        }
    },
)
async def metrics(services: ServicesOf) -> Response:
    """Report requests, latency, what is in flight, and whether the model is ready."""
    return Response(services.metrics.render(), headers={"Content-Type": METRICS_CONTENT_TYPE})
