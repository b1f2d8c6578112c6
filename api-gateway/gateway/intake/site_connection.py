"""Connections to servers of images, which may make little work besides the image, whatever they send.

httpcore parses what arrives on the event loop: it needs tens of microseconds for each interim answer, and for each
chunk of a body. A server that sends nothing but those would keep it busy for as long as a download may take.
"""

import ssl

import httpcore
import httpx

from gateway.errors import UrlFailed

#: Bytes that are read at a time. Between two reads, other requests have their turn.
READ_BYTES = 8_192
#: Bytes that may come besides the image: the heads of answers, the lengths of chunks. An image allows more, so that
#: chunks of a kilobyte are welcome in every number.
SPARE_BYTES, IMAGE_BYTES_PER_SPARE = 65_536, 128
#: Reads that may bring little: each takes some 0.1 ms, whatever it brings. One that brings a packet is free.
SPARE_READS, BYTES_PER_READ = 2_000, 1_000


class Budget:
    """What the servers of one download may still send besides the image."""

    def __init__(self) -> None:
        self._spare, self._reads = SPARE_BYTES, float(SPARE_READS)

    def add_image(self, size: int) -> None:
        """Count so many of the bytes that were read as the image."""
        self._spare += size + size // IMAGE_BYTES_PER_SPARE

    def add_read(self, size: int) -> None:
        """Count a read. Raises :class:`~gateway.errors.UrlFailed` if nothing is left."""
        self._spare -= size
        self._reads += size / BYTES_PER_READ - 1
        if self._spare < 0 or self._reads < 0:
            raise UrlFailed("The URL's server sent too much besides the image, or the image in too small pieces.")


class SiteTransport(httpx.AsyncHTTPTransport):
    """The connections of one download. None is kept: one to an address, made for one name, must not serve another."""

    def __init__(self, tls: ssl.SSLContext, budget: Budget) -> None:
        super().__init__(verify=tls)
        # httpx has no parameter for this.
        self._pool = httpcore.AsyncConnectionPool(
            tls, max_connections=None, max_keepalive_connections=0, network_backend=_Network(budget)
        )


class _Network(httpcore.AnyIOBackend):
    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    async def connect_tcp(self, *args: object, **kwargs: object) -> httpcore.AsyncNetworkStream:
        return _Stream(await super().connect_tcp(*args, **kwargs), self._budget)  # type: ignore[arg-type]


class _Stream(httpcore.AsyncNetworkStream):
    """A connection that is read in small pieces, which are counted."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, budget: Budget) -> None:
        self._stream, self._budget = stream, budget

    # The timeouts are httpcore's parameters.
    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        data = await self._stream.read(min(max_bytes, READ_BYTES), timeout)
        self._budget.add_read(len(data))
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._stream.start_tls(ssl_context, server_hostname, timeout), self._budget)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)
