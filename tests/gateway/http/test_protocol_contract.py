"""The parts of uvicorn without a promise that gateway.http.protocol uses: a new version of uvicorn must have them."""

from __future__ import annotations

import ast
import asyncio
import inspect
from pathlib import Path

import uvicorn
from uvicorn.protocols.http import httptools_impl
from uvicorn.server import ServerState

from gateway.http import protocol

#: Methods that are called or overridden, attributes of a connection, attributes of a request.
METHODS = {
    "connection_made",
    "connection_lost",
    "data_received",
    "on_message_begin",
    "on_header",
    "on_headers_complete",
    "on_body",
    "on_message_complete",
    "on_response_complete",
    "send_400_response",
    "shutdown",
    "_start_asgi_task",
    "_unset_keepalive_if_required",
}
ATTRIBUTES = {"client", "connections", "cycle", "headers", "loop", "parser", "pipeline", "transport", "url"}
CYCLE = {"disconnected", "keep_alive", "message_event", "response_complete", "response_started"}


def used() -> set[str]:
    """Return the names of attributes of `self` and of requests that the module reads or sets, its own left out."""
    tree = ast.parse(Path(protocol.__file__).read_text())
    found, own = set(), set()
    requests = {"self.cycle", "self._running", "last", "cycle"}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            own.add(node.name)
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            own |= {target.attr for target in targets if isinstance(target, ast.Attribute) and target.attr[0] == "_"}
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in {"self", "super()", "other", *requests}:
            found.add(node.attr)
    overridden = {name for name in own if name in vars(httptools_impl.HttpToolsProtocol)} - {"__init__"}
    return (found - own - {"limits", "__init__"}) | overridden


def test_the_list_names_all_that_is_used() -> None:
    assert used() == METHODS | ATTRIBUTES | CYCLE


async def _has_them() -> None:
    config = uvicorn.Config(lambda: None, http=httptools_impl.HttpToolsProtocol)
    made = httptools_impl.HttpToolsProtocol(config, ServerState(), {})
    made.on_message_begin()  # sets url
    for name in METHODS:
        assert callable(getattr(made, name)), name
    for name in ATTRIBUTES:
        assert hasattr(made, name), name
    assert inspect.signature(made.send_400_response).parameters.keys() == {"msg"}
    assert inspect.signature(made._start_asgi_task).parameters.keys() == {"cycle", "app"}
    cycle = inspect.getsource(httptools_impl.RequestResponseCycle.__init__)
    for name in CYCLE:
        assert f"self.{name}" in cycle, name
    assert httptools_impl.STATUS_LINE[431].startswith(b"HTTP/1.1 431 ")


def test_uvicorn_has_them() -> None:
    asyncio.run(_has_them())
