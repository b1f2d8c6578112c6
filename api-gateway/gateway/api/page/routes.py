"""The page at ``/`` for people: whether a client wants it, and the files it is made of."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway import errors
from gateway.api.openapi.document import error_answers
from gateway.api.page.files import PAGE, file_response, static_files
from gateway.http.negotiation import accepted

router = APIRouter(responses=error_answers(errors.InternalError))


def _text(example: str) -> dict[str, Any]:
    return {"schema": {"type": "string"}, "example": example}


NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "The client's copy, named in If-None-Match, is still good"}
}


def wants_page(accept: str) -> bool:
    """Tell whether an Accept header names HTML, and not as second to JSON: browsers do, curl and programs do not."""
    weights = accepted(accept)
    html = weights.get("text/html", 0.0)
    return html > 0 and html >= weights.get("application/json", 0.0)


def page_response(request: Request) -> Response:
    """Answer the page itself; a cache must not give it to clients that want JSON."""
    return file_response(request, static_files()[PAGE], {"Vary": "Accept"})


@router.get(
    "/static/{name}",
    tags=["about"],
    response_class=Response,
    responses={
        200: {
            "description": "A style sheet, a script or an icon of the page at `/`, with an ETag",
            "content": {
                "text/css": _text("main { display: grid }"),
                "text/javascript": _text('import { ask } from "./ask.js";'),
                "image/svg+xml": _text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"></svg>'),
            },
        },
        **NOT_MODIFIED,
        **error_answers(errors.NotFound),
    },
    # By hand: declared to FastAPI, any text at all would still be documented as a possible 422.
    openapi_extra={
        "parameters": [
            {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}, "example": "app.js"}
        ]
    },
)
async def static_file(request: Request) -> Response:
    """Answer a file that the page at `/` is made of."""
    name = request.path_params["name"]
    file = static_files().get(name)
    if file is None or name == PAGE:
        raise errors.NotFound
    return file_response(request, file)
