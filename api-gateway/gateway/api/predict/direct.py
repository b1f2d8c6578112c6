"""The hot path's way from a matched address to its function."""

from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class DirectRoute(APIRoute):
    """Calls ``endpoint(request, services)`` as it is; FastAPI still documents it.

    Nothing is solved for functions that declare nothing else, and no exit stacks are kept for dependencies that are
    not there. Errors go to the handlers of the whole application, as elsewhere.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.app = self._answer

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        response: Response = await self.endpoint(request, request.app.state.services)
        await response(scope, receive, send)
