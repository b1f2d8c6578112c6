"""A route without FastAPI's dependency injection, for the hot path."""

from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class DirectRoute(APIRoute):
    """Calls ``endpoint(request, services)`` directly; FastAPI only documents it.

    This saves the resolution of dependencies and their exit stacks. Errors go to the application's handlers.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.app = self._answer

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        response: Response = await self.endpoint(request, request.app.state.services)
        await response(scope, receive, send)
