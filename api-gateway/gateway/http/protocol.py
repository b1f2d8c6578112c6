"""HTTP/1.1 on a socket, with the bounds that uvicorn lacks: on time, on connections, on heads and framing.

Read in uvicorn 0.54 and llhttp, its parser. Uvicorn keeps for ever a client that sends nothing, or its head byte by
byte, or the rest of a body that was refused long ago, or that never reads its answer. A head may have any length, and
so may extensions of chunks and trailers. A request that offers an upgrade and has a body is misread.
"""

import asyncio
import enum
import logging
import socket
import uuid
from collections.abc import Callable
from typing import Any, ClassVar, cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from gateway.errors import ApiError, HeadersTooLarge, Overloaded, RequestTimeout
from gateway.http.errors import error_response
from gateway.http.headers import REQUEST_ID_HEADER
from gateway.http.security_headers import DEFAULTS
from gateway.settings.limits import LimitSettings

logger = logging.getLogger("gateway.connections")

#: Seconds in which the rest of a refused body may arrive, so that its sender can read the answer.
LINGER_S = 30.0
#: Requests that may wait on one connection for the answer before theirs.
MOST_WAITING = 16


class _Part(enum.Enum):
    """The part of a request that the next byte belongs to."""

    BETWEEN = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()


class BoundedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, one per connection, for clients that are slow or send without end.

    A refused request is answered only if no earlier one on its connection waits for its answer; otherwise the
    connection closes after that answer. Uvicorn itself answers what is not HTTP.
    """

    limits: ClassVar[LimitSettings]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._part = _Part.BETWEEN
        self._framing = 0  # bytes since the last that the parser understood as a whole head or as a body
        self._running: RequestResponseCycle | None = None  # self.cycle is the newest request, which may still wait
        self._refused = False
        self._without_upgrade = b""  # the head just read, if it offers an upgrade
        self._head_timer: asyncio.TimerHandle | None = None
        self._linger_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a new connection, or refuse it when there are too many."""
        super().connection_made(transport)
        _drop_unread_answers(transport, self.limits.send_timeout_s)
        if len(self.connections) > self.limits.max_clients and not self._make_room():
            self._refuse(Overloaded(f"There are more than {self.limits.max_clients} connections; try again."))
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop every clock, and tell the running request, which need not be the newest."""
        self._stop_head_timer()
        self._stop_linger_timer()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()

    def data_received(self, data: bytes) -> None:
        """Parse what arrives. The head's clock runs until a head is whole."""
        self._unset_keepalive_if_required()
        if self._refused:
            return
        self._framing += len(data)
        self._parse(data)
        if self._framing > self.limits.max_header_bytes and not self._refused:
            self._refuse(HeadersTooLarge(f"The request's head is larger than {self.limits.max_header_bytes} bytes."))
        if self._part is _Part.HEAD or (self._part is _Part.BETWEEN and self._all_answered):
            self._await_head()
        else:
            self._stop_head_timer()

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._part = _Part.HEAD
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, without the spaces around its value. A trailer after a body's chunks is ignored."""
        if self._part is _Part.HEAD:
            super().on_header(name, value.rstrip(b" \t"))

    def on_headers_complete(self) -> None:
        """Start the request, unless too many wait."""
        if self.parser.should_upgrade():
            self._without_upgrade = self._head_without_upgrade()
            return
        if len(self.pipeline) >= MOST_WAITING:
            raise ValueError(f"more than {MOST_WAITING} requests wait for their answers")  # stops the parser
        self._framing = 0
        super().on_headers_complete()
        self._part = _Part.BODY

    def on_body(self, body: bytes) -> None:
        """Hand a piece of the body on."""
        self._framing = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the body."""
        if self._without_upgrade:
            return
        self._part = _Part.BETWEEN
        self._framing = 0
        self._stop_linger_timer()  # here, because the next request may have arrived together with the end of this one
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """After an answer that did not wait for the body, bound the time for the rest of the body."""
        super().on_response_complete()
        if self._part is _Part.BODY and self._all_answered and not self.transport.is_closing():
            self._linger_timer = self.loop.call_later(LINGER_S, self.transport.abort)

    @property
    def idle(self) -> bool:
        """Whether this connection was used, and its next request has not begun."""
        begun = self._part is not _Part.BETWEEN or self._head_timer is not None
        return self.cycle is not None and self._all_answered and not begun

    @property
    def _all_answered(self) -> bool:
        return not self.pipeline and (self._running is None or self._running.response_complete)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Callable[..., Any]) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _parse(self, data: bytes) -> None:
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                # The parser takes the body for what follows the upgrade. The gateway upgrades nothing, so the request
                # is parsed again without the offer: curl --http2 and Java's client offer HTTP/2 with every request.
                data = self._without_upgrade + data[upgrade.args[0] :]
                self._without_upgrade = b""
                self.parser = httptools.HttpRequestParser(self)
            except httptools.HttpParserError:
                self._refuse(None)
                return
            else:
                return

    def _head_without_upgrade(self) -> bytes:
        method = self.parser.get_method()
        if method == b"CONNECT":
            raise ValueError("this is not a proxy")  # stops the parser
        kept = b"".join(b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade")
        return b"%b %b HTTP/%b\r\n%b\r\n" % (method, self.url, self.parser.get_http_version().encode(), kept)

    def _make_room(self) -> bool:
        """Close an idle connection; its client expects this and opens another."""
        for other in self.connections:
            if isinstance(other, BoundedProtocol) and other.idle and not other.transport.is_closing():
                other.shutdown()
                return True
        return False

    def _await_head(self) -> None:
        if self._head_timer is None and not self.transport.is_closing():
            self._head_timer = self.loop.call_later(self.limits.header_timeout_s, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._part is _Part.HEAD:
            limit = f"The headers took longer than {self.limits.header_timeout_s:g} seconds."
            self._refuse(RequestTimeout(limit))
        else:
            self.transport.close()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_linger_timer(self) -> None:
        if self._linger_timer is not None:
            self._linger_timer.cancel()
            self._linger_timer = None

    def _refuse(self, error: ApiError | None) -> None:
        """Read nothing more; answer ``error``, or that this is not HTTP, and close; see the class for the order."""
        self._refused = True
        if self._all_answered or (self._part is _Part.BODY and self.cycle is self._running):
            if self.cycle is not None and self.cycle.response_started and self._part is _Part.BODY:
                self.transport.close()  # its body will never be whole
            elif error is None:
                self.send_400_response("Invalid HTTP request received.")
            else:
                self._say(error)
            return
        if self._part is _Part.BODY:
            self.pipeline.popleft()  # its body will never be whole
        last = self.pipeline[0][0] if self.pipeline else self._running
        if last is not None:
            last.keep_alive = False

    def _say(self, error: ApiError) -> None:
        """Answer without any route, and close."""
        request_id = uuid.uuid4().hex
        facts = {"request_id": request_id, "client": (self.client or (None,))[0], "error": error.code}
        logger.info("refused", extra=facts)
        answer = error_response({}, error, {REQUEST_ID_HEADER: request_id, "Connection": "close"}, request_id)
        lines = b"".join(b"%b: %b\r\n" % header for header in [*answer.raw_headers, *DEFAULTS])
        self.transport.write(b"%b%b\r\n%b" % (STATUS_LINE[answer.status_code], lines, bytes(answer.body)))
        self.transport.close()


def bounded_protocol(limits: LimitSettings) -> type[BoundedProtocol]:
    """Create the protocol class for ``uvicorn.Config(http=…)`` with these limits."""
    return cast("type[BoundedProtocol]", type("BoundedProtocol", (BoundedProtocol,), {"limits": limits}))


def _drop_unread_answers(transport: asyncio.Transport, seconds: float) -> None:
    """Let the kernel drop a connection whose client reads nothing for so long, even after we have closed it (Linux)."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    connection = transport.get_extra_info("socket")
    if option is not None and connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.IPPROTO_TCP, option, int(seconds * 1000))
