"""One connection to a model server: a request at a time, and its whole answer."""

import asyncio
from dataclasses import dataclass
from typing import cast

import httptools

from gateway.model_server.errors import BackendError, BackendFault, BackendTimeout, BackendUnavailable

#: Bytes of an answer, its head included; the longest that a picture's can be is a hundredth of it.
LARGEST_ANSWER = 64 * 1024 * 1024
_FRAMING = (b"content-length", b"transfer-encoding")


@dataclass(frozen=True, slots=True)
class Reply:
    """Status and body of an answer."""

    status_code: int
    content: bytes


class ConnectionDied(BackendUnavailable):
    """The server closed the connection before the first byte of an answer."""


class Connection(asyncio.Protocol):
    """Sends requests and reads answers; llhttp tells where one ends. Unless it is reusable then, it is to be closed.

    ``write_timeout_s`` bounds how long the server may take to take a request, ``read_timeout_s`` how long it may then
    be silent. A connection whose exchange did not come to its end, for whatever reason, is closed.
    """

    def __init__(self, read_timeout_s: float, write_timeout_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._read_timeout_s, self._write_timeout_s = read_timeout_s, write_timeout_s
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._reply: asyncio.Future[Reply] | None = None
        self._clock: asyncio.TimerHandle | None = None
        self._lost = asyncio.Event()
        self._content: list[bytes] = []
        self._received = self._status = 0
        self._keep = self._framed = False

    @property
    def reusable(self) -> bool:
        """Whether it is open, and the server keeps it so and owes nothing."""
        transport = self._transport
        return self._keep and transport is not None and not transport.get_write_buffer_size()

    async def exchange(self, head: bytes, body: bytes) -> Reply:
        """Send a request and return what is answered, whatever its status.

        Raises :class:`ConnectionDied` if nothing was answered, :class:`BackendUnavailable` if the answer broke off or
        is no HTTP, :class:`BackendTimeout`, and :class:`BackendError` for an answer without end.
        """
        if self._transport is None:
            raise ConnectionDied("it was closed while nobody used it")
        self._reply = self._loop.create_future()
        self._content = []
        self._received = self._status = 0
        self._keep = self._framed = False
        self._watch(self._read_timeout_s)
        self._transport.writelines((head, body))
        try:
            return await self._reply
        except BaseException:  # also who is cancelled while the answer waits to be taken
            self.close()
            raise
        finally:
            self._reply = None
            if self._clock is not None:
                self._clock.cancel()

    def close(self) -> None:
        """Close it at once: nothing that is still on its way matters."""
        self._keep = False
        if self._transport is not None:
            self._transport.abort()

    async def aclose(self) -> None:
        """Close it, and return when it is."""
        self.close()
        await self._lost.wait()

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End; for an answer whose end nothing else tells, this is it."""
        self._transport, self._keep = None, False
        self._lost.set()
        if self._status >= 200 and not self._framed and exc is None:
            self._finish()
        elif self._received:
            self._fail(BackendUnavailable(f"the connection was lost within an answer: {exc!r}"))
        else:
            self._fail(ConnectionDied(f"the connection was lost: {exc!r}"))

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._reply is None or self._reply.done():
            self.close()  # nobody asked for this
            return
        self._received += len(data)
        if self._received > LARGEST_ANSWER:
            self._fail(BackendError(f"an answer of more than {LARGEST_ANSWER} bytes"))
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(BackendUnavailable(f"no HTTP came back: {error!r}"))
        else:
            if not self._reply.done():
                self._watch(self._read_timeout_s)

    def pause_writing(self) -> None:
        """The server is slow to take the request."""
        self._watch(self._write_timeout_s)

    def resume_writing(self) -> None:
        """It has taken it."""
        self._watch(self._read_timeout_s)

    # What the parser calls

    def on_message_begin(self) -> None:
        """An answer begins: to the one request there is."""
        self._keep = False

    def on_header(self, name: bytes, _: bytes) -> None:
        """Note whether the end of the body will be told."""
        self._framed = self._framed or name.lower() in _FRAMING

    def on_headers_complete(self) -> None:
        """Note the status."""
        self._status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        self._content.append(body)

    def on_message_complete(self) -> None:
        """Hand the answer over, unless it only says that another one comes."""
        if self._status < 200:
            self._status = 0
        elif self._reply is not None and not self._reply.done():  # else one answer too many, and _keep stays False
            self._keep = self._parser.should_keep_alive()
            self._finish()

    def _finish(self) -> None:
        if self._reply is not None and not self._reply.done():
            content = self._content
            self._reply.set_result(Reply(self._status, content[0] if len(content) == 1 else b"".join(content)))

    def _fail(self, fault: BackendFault) -> None:
        self._keep = False
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(fault)

    def _watch(self, seconds: float) -> None:
        if self._clock is not None:
            self._clock.cancel()
        if self._reply is not None:
            self._clock = self._loop.call_later(seconds, self._late, seconds)

    def _late(self, seconds: float) -> None:
        self._fail(BackendTimeout(f"nothing came for {seconds:g} seconds"))
