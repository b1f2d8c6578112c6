"""HTTP/1.1 on a socket, with a clock: what the server below does not bound by itself.

Read in uvicorn 0.54: a client that opens a connection and sends nothing, or its headers byte by byte, or a body that
was refused long ago, or that never reads its answer, is kept for ever; and what is no HTTP gets plain text.
"""

import asyncio
import logging
import socket
import sys
import uuid
from typing import Any, ClassVar, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from gateway.answers import compact
from gateway.error_responses import error_body
from gateway.errors import ApiError, HeadersTooLarge, InvalidRequest, Overloaded, RequestTimeout
from gateway.limits.settings import LimitSettings

logger = logging.getLogger("gateway.connections")

#: Seconds for the rest of a body that was refused to come in, so that its sender can read why.
LINGER_S = 30.0


class BoundedProtocol(H11Protocol):
    """Uvicorn's protocol, one per connection, that gives up on clients which keep it waiting."""

    limits: ClassVar[LimitSettings]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
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
        """Stop every clock."""
        for timer in (self._head_timer, self._linger_timer, self._send_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes in; the clock runs while they are no whole request head."""
        super().data_received(data)
        if self._linger_timer is not None and self.conn.their_state is not h11.SEND_BODY:
            self._linger_timer.cancel()
            self._linger_timer = None
        if self.conn.their_state is h11.IDLE:
            self._await_head()
        elif self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def on_response_complete(self) -> None:
        """After an answer that did not wait for the body, wait for its rest, but not for ever."""
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY and not self.transport.is_closing():
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

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be parsed; called while h11's error is being handled."""
        too_large = getattr(sys.exc_info()[1], "error_status_hint", 400) == 431
        limit = f"The request's head is larger than {self.limits.max_header_bytes} bytes."
        self._refuse(HeadersTooLarge(limit) if too_large else InvalidRequest())

    def _should_upgrade(self) -> bool:
        """Ignore every Upgrade, without uvicorn's two lines in the log for each."""
        return False

    @property
    def idle(self) -> bool:
        """Whether this connection was used, and is only kept for a next request that has not begun."""
        return self.cycle is not None and self.conn.their_state is h11.IDLE and self._head_timer is None

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
        begun = bool(self.conn.trailing_data[0])
        if begun:
            limit = f"The headers took longer than {self.limits.header_timeout_s:g} seconds."
            self._refuse(RequestTimeout(limit))
        else:
            self.transport.close()

    def _refuse(self, error: ApiError) -> None:
        """Answer in the gateway's words, without any route, and close."""
        request_id = uuid.uuid4().hex
        logger.info(
            "refused",
            extra={"request_id": request_id, "client": (self.client or (None,))[0], "error": error.code},
        )
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
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
            for event in (
                h11.Response(status_code=error.status, headers=list(headers.items())),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event))
        if self.cycle is not None and not self.cycle.response_complete:
            # A request is being answered on this connection: for it the client has gone.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
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


def _give_up_unread_answers(transport: asyncio.Transport, seconds: float) -> None:
    """Let the kernel drop a connection whose peer takes nothing more, also after we have closed our side (Linux)."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    connection = transport.get_extra_info("socket")
    if option is not None and connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.IPPROTO_TCP, option, int(seconds * 1000))
