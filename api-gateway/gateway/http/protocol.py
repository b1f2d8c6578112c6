"""HTTP/1.1 on a socket, with a clock and a measure: what the server below does not bound by itself.

Read in uvicorn 0.54 and llhttp, its parser: a client that opens a connection and sends nothing, or its headers byte by
byte, or a body that was refused long ago, or that never reads its answer, is kept for ever; a head and what stands
between a body's chunks may have any length; HTTP/1.1 without a host is taken; and what is no HTTP gets plain text.
"""

import asyncio
import enum
import logging
import socket
import uuid
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn, cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from gateway.errors import ApiError, HeadersTooLarge, InvalidRequest, Overloaded, RequestTimeout
from gateway.http.errors import error_body
from gateway.settings.limits import LimitSettings
from gateway.strict_json import compact

logger = logging.getLogger("gateway.connections")

#: Seconds for the rest of a body that was refused to come in, so that its sender can read why.
LINGER_S = 30.0
#: Requests that may wait on one connection for the answer before theirs.
MOST_WAITING = 16
VERSIONS = ("1.1", "1.0")


class _Part(enum.Enum):
    """Where in a request the next byte belongs."""

    BETWEEN = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()


class _RefusedError(Exception):
    """Stops the parser; it hides what its callbacks raise."""


class BoundedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, one per connection, that gives up on clients which keep it waiting or send without end."""

    limits: ClassVar[LimitSettings]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._part = _Part.BETWEEN
        self._framing = 0  # bytes since the last of a head or body was understood
        self._answered: RequestResponseCycle | None = None  # the one before may wait for it; self.cycle is the newest
        self._refusal: ApiError | None = None
        self._without_upgrade = b""  # the head just read, if it asked for another protocol
        self._head_timer: asyncio.TimerHandle | None = None
        self._linger_timer: asyncio.TimerHandle | None = None
        self._send_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a new connection, or refuse it when there are too many."""
        super().connection_made(transport)
        _give_up_unread_answers(transport, self.limits.send_timeout_s)
        if len(self.connections) > self.limits.max_clients and not self._make_room():
            self._refuse(Overloaded(f"There are more than {self.limits.max_clients} connections; try again."))
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop every clock, and tell the request being answered, which need not be the newest."""
        for timer in (self._head_timer, self._linger_timer, self._send_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        if self._answered is not None and not self._answered.response_complete:
            _disconnect(self._answered)

    def data_received(self, data: bytes) -> None:
        """Take bytes in; the clock runs while they are no whole request head."""
        self._unset_keepalive_if_required()
        if self._refusal is not None:
            return
        self._framing += len(data)
        self._parse(data)
        if self._framing > self.limits.max_header_bytes and self._refusal is None:
            self._refuse(self._too_large())
        if self._linger_timer is not None and self._part is not _Part.BODY:
            self._linger_timer.cancel()
            self._linger_timer = None
        if self._part is _Part.HEAD or (self._part is _Part.BETWEEN and self._all_answered):
            self._await_head()
        elif self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._part = _Part.HEAD
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, without the spaces around its value; what comes after a body's chunks is ignored."""
        if self._part is _Part.HEAD:
            super().on_header(name, value.rstrip(b" \t"))

    def on_headers_complete(self) -> None:
        """Start the request unless its head is one that HTTP/1.1 forbids or there are too many."""
        if self._framing > self.limits.max_header_bytes and self._head_bytes() > self.limits.max_header_bytes:
            self._stop(self._too_large())
        if self.parser.should_upgrade():
            self._without_upgrade = self._head_without_upgrade()
            return
        version = self.parser.get_http_version()
        hosts = [name for name, _ in self.headers].count(b"host")
        if version not in VERSIONS or hosts > 1 or (hosts == 0 and version == "1.1"):
            self._stop(InvalidRequest())
        if len(self.pipeline) >= MOST_WAITING:
            self._stop(Overloaded(f"More than {MOST_WAITING} requests wait on this connection for their answers."))
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
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """After an answer that did not wait for the body, wait for its rest, but not for ever."""
        super().on_response_complete()
        if self.transport.is_closing() or not self._all_answered:
            return
        if self._refusal is not None:
            self._say(self._refusal)
        elif self._part is _Part.BODY:
            self._linger_timer = self.loop.call_later(LINGER_S, self.transport.abort)

    def pause_writing(self) -> None:
        """Watch a client that takes its answer more slowly than we give it."""
        super().pause_writing()
        self._watch_sending()

    def resume_writing(self) -> None:
        """The client has taken it."""
        super().resume_writing()
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None

    @property
    def idle(self) -> bool:
        """Whether this connection was used, and is only kept for a next request that has not begun."""
        begun = self._part is not _Part.BETWEEN or self._head_timer is not None
        return self.cycle is not None and self._all_answered and not begun

    @property
    def _all_answered(self) -> bool:
        return not self.pipeline and (self._answered is None or self._answered.response_complete)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Callable[..., Any]) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def _parse(self, data: bytes) -> None:
        while data and self._refusal is None:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                # The body would be taken for what follows the upgrade. None is made here, so the request is read once
                # more, as one that asks for none: curl and Java's client offer HTTP/2 in this way with every request.
                data = self._without_upgrade + data[upgrade.args[0] :]
                self._without_upgrade = b""
                self.parser = httptools.HttpRequestParser(self)
            except httptools.HttpParserError:
                self._refuse(self._refusal or InvalidRequest())
            else:
                return

    def _head_without_upgrade(self) -> bytes:
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._stop(InvalidRequest())
        kept = b"".join(b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade")
        return b"%b %b HTTP/%b\r\n%b\r\n" % (method, self.url, self.parser.get_http_version().encode(), kept)

    def _stop(self, error: ApiError) -> NoReturn:
        self._refusal = error
        raise _RefusedError

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + len(": \r\n") for name, value in self.headers)

    def _too_large(self) -> ApiError:
        return HeadersTooLarge(f"The request's head is larger than {self.limits.max_header_bytes} bytes.")

    def _make_room(self) -> bool:
        """Close a connection that nobody uses; its client knows that this can happen and opens another."""
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

    def _refuse(self, error: ApiError) -> None:
        """Answer in the gateway's words, without any route, and close; after the answers to what came before."""
        self._refusal = error
        if self._part is _Part.BODY and self.cycle is self._answered:
            if not self.cycle.response_complete:
                _disconnect(self.cycle)  # for it the client has gone
            if self.cycle.response_started:
                self.transport.close()
            else:
                self._say(error)
            return
        if self._part is _Part.BODY:
            self.pipeline.popleft()  # it has not begun, and never will
        if self._all_answered:
            self._say(error)

    def _say(self, error: ApiError) -> None:
        request_id = uuid.uuid4().hex
        logger.info(
            "refused",
            extra={"request_id": request_id, "client": (self.client or (None,))[0], "error": error.code},
        )
        body = compact(error_body(error, request_id))
        headers = {
            "content-type": "application/json",
            "content-length": str(len(body)),
            "x-request-id": request_id,
            "x-content-type-options": "nosniff",
            "cache-control": "no-store",
            **{name.lower(): value for name, value in error.headers.items()},
            "connection": "close",
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(b"%b%b\r\n%b" % (STATUS_LINE[error.status], lines.encode("ascii"), body))
        self.transport.close()

    def _watch_sending(self) -> None:
        left = self.transport.get_write_buffer_size()
        self._send_timer = self.loop.call_later(self.limits.send_timeout_s, self._has_it_taken_some, left)

    def _has_it_taken_some(self, before: int) -> None:
        if self.transport.get_write_buffer_size() < before:
            self._watch_sending()
        else:
            self.transport.abort()


def bounded_protocol(limits: LimitSettings) -> type[BoundedProtocol]:
    """Make the protocol class for ``uvicorn.Config(http=…)`` with these limits."""
    return cast("type[BoundedProtocol]", type("BoundedProtocol", (BoundedProtocol,), {"limits": limits}))


def _disconnect(cycle: RequestResponseCycle) -> None:
    cycle.disconnected = True
    cycle.message_event.set()


def _give_up_unread_answers(transport: asyncio.Transport, seconds: float) -> None:
    """Let the kernel drop a connection whose peer takes nothing more, also after we have closed our side (Linux)."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    connection = transport.get_extra_info("socket")
    if option is not None and connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.IPPROTO_TCP, option, int(seconds * 1000))
