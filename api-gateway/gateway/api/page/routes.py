"""The page at ``/``, the API's documentation at ``/docs``, and the files of both."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway import errors
from gateway.api.openapi.document import error_answers, path_parameter, text_example
from gateway.api.page.files import DOCS, DOCS_POLICY, PAGE, file_response, static_files
from gateway.http.negotiation import accepted

router = APIRouter(responses=error_answers(errors.InternalError))


NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "The client's copy, named in If-None-Match, is up to date"}
}


def wants_page(accept: str) -> bool:
    """Return whether an Accept header prefers HTML to JSON: those of browsers do, those of curl and programs do not."""
    weights = accepted(accept)
    html = weights.get("text/html", 0.0)
    return html > 0 and html >= weights.get("application/json", 0.0)


def page_response(request: Request) -> Response:
    """Return the page. Caches must not return it to clients that want JSON."""
    return file_response(request, static_files()[PAGE], {"Vary": "Accept"})


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> Response:
    """Return the page that shows the OpenAPI document."""
    return file_response(request, static_files()[DOCS], {"Content-Security-Policy": DOCS_POLICY})


@router.get(
    "/static/{name}",
    tags=["about"],
    response_class=Response,
    responses={
        200: {
            "description": "A style sheet, a script or an icon of the pages at `/` and `/docs`, with an ETag",
            "content": {
                "text/css": text_example("main { display: grid }"),
                "text/javascript": text_example('import { predict } from "./api.js";'),
                "image/svg+xml": text_example('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"></svg>'),
            },
        },
        **NOT_MODIFIED,
        **error_answers(errors.NotFound),
    },
    openapi_extra={"parameters": [path_parameter("name", "A file of the page", "app.js")]},
)
async def static_file(request: Request) -> Response:
    """Return a file of the pages at `/` and `/docs`."""
    name = request.path_params["name"]
    file = static_files().get(name)
    if file is None or name in (PAGE, DOCS):
        raise errors.NotFound
    return file_response(request, file)
