"""A function from request to answer behind a socket, for programs that cannot be given the function itself."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx


@contextlib.contextmanager
def answering(answer: Callable[[httpx.Request], httpx.Response], port: int = 0) -> Iterator[str]:
    """Serve it on a port of loopback, a free one unless it is named; yield the address."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = list(self.headers.items())
            found = answer(httpx.Request(self.command, f"http://asked{self.path}", headers=headers, content=body))
            self.send_response(found.status_code)
            for name, value in found.headers.items():
                if name != "content-length":
                    self.send_header(name, value)
            self.send_header("content-length", str(len(found.content)))
            self.end_headers()
            self.wfile.write(found.content)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - the names that http.server looks for

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

        def handle(self) -> None:
            with contextlib.suppress(OSError):  # the client was killed
                super().handle()

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
