"""Fetch an image from its address, without letting anybody use the gateway to reach what only it can reach.

A name is resolved once, every address it has is checked, and the connection goes to a checked address: a name server
that answers differently the next time (DNS rebinding) is not asked a next time. The Host header and TLS still speak
of the name. Each redirect goes through all of it again.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx

from gateway import __version__
from gateway.errors import ApiError, BodyTooLarge, UrlFailed, UrlNotAllowed, printable
from gateway.intake.url_policy import UrlPolicy, host_of
from gateway.settings import Settings

#: From a host and a port to its addresses, in the order they are to be tried.
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
#: Told how many bytes more are to be held; raises :class:`~gateway.errors.ApiError` if there is no room for them.
Take = Callable[[int], None]

CONNECT_TIMEOUT_S = 3.0
#: Of a host's addresses so many are tried.
MOST_ADDRESSES = 3
_HEADERS = {
    "User-Agent": f"yolo-serving/{__version__}",
    "Accept": "image/*",
    # What is unpacked on arrival has no size that could be known before.
    "Accept-Encoding": "identity",
    "Connection": "close",
}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

logger = logging.getLogger("gateway.intake.image_url")


def _free(size: int) -> None:
    """Have room for everything."""


class SystemResolver:
    """Asks the system's resolver, in threads of its own.

    The loop's own threads resolve the model server's name: a client's slow name server must not keep them busy.
    """

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolve")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return a host's addresses. Raises OSError (``socket.gaierror``) or UnicodeError."""
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return list(dict.fromkeys(str(address[0]) for *_, address in found))


class ImageFetcher:
    """Fetches images, a bounded number at once; each within a time, a size and a number of redirects."""

    def __init__(self, settings: Settings, resolver: Resolver | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._policy = UrlPolicy(settings.url_allow, settings.url_allow_private)
        self._resolve = resolver or SystemResolver(settings.url_concurrency)
        self._max_bytes = settings.max_body_bytes
        self._timeout_s = settings.url_timeout_s
        self._max_redirects = settings.url_max_redirects
        self._slots = asyncio.Semaphore(settings.url_concurrency)
        self._tls = tls
        self._made: httpx.AsyncHTTPTransport | None = None

    async def fetch(self, text: str, take: Take = _free) -> bytes:
        """Return the bytes at an address; that they are an image is for the header check to say.

        ``take`` is asked for room as the bytes come, and may raise; what it gave is the caller's to give back.
        Raises :class:`~gateway.errors.UrlNotAllowed`, :class:`~gateway.errors.UrlFailed`, or
        :class:`~gateway.errors.BodyTooLarge`.
        """
        try:
            async with asyncio.timeout(self._timeout_s), self._slots:
                return await self._follow(self._policy.check_url(text), take)
        except TimeoutError as error:
            raise UrlFailed(f"The image did not arrive within {self._timeout_s:g} s.") from error
        except ApiError as error:
            logger.info("an image was not fetched", extra={"error": error.code, "detail": error.message})
            raise

    async def aclose(self) -> None:
        """Close all connections."""
        if self._made is not None:
            await self._made.aclose()

    async def _follow(self, url: httpx.URL, take: Take) -> bytes:
        for _ in range(self._max_redirects + 1):
            answer = await self._get(url, take)
            if isinstance(answer, bytes):
                return answer
            if url.scheme == "https" and answer.scheme != "https":
                raise UrlNotAllowed("A redirect from https to http is not followed.")
            url = self._policy.check_url(str(answer))
        raise UrlFailed(f"The address redirects more than {self._max_redirects} times.")

    async def _get(self, url: httpx.URL, take: Take) -> bytes | httpx.URL:
        """Return the body, or the address that it redirects to."""
        response = await self._connect(url)
        try:
            if response.status_code in _REDIRECTS and "location" in response.headers:
                return _join(url, response.headers["location"])
            if response.status_code != httpx.codes.OK:
                raise UrlFailed(f"The address answered {response.status_code} instead of an image.")
            if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
                raise UrlFailed("The address answered with compressed content, which was not asked for.")
            return await self._read(response, take)
        except httpx.HTTPError as error:
            raise UrlFailed("The connection broke before the whole image had arrived.") from error
        finally:
            await response.aclose()

    async def _read(self, response: httpx.Response, take: Take) -> bytes:
        too_large = BodyTooLarge(f"The image at the address is larger than {self._max_bytes} bytes.")
        declared = response.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._max_bytes:
            raise too_large
        received = bytearray()
        async for chunk in response.aiter_raw():
            if len(received) + len(chunk) > self._max_bytes:
                raise too_large
            take(len(chunk))
            received += chunk
        return bytes(received)

    async def _connect(self, url: httpx.URL) -> httpx.Response:
        host = host_of(url)
        try:
            addresses = await self._resolve(host, url.port or (443 if url.scheme == "https" else 80))
        except (OSError, UnicodeError) as error:
            raise UrlFailed(f"The host {printable(host)} cannot be resolved.") from error
        problem: Exception | None = None
        for address in self._policy.check_addresses(addresses)[:MOST_ADDRESSES]:
            request = httpx.Request(
                "GET",
                url.copy_with(host=address),
                headers={**_HEADERS, "Host": url.netloc.decode("ascii")},
                extensions={
                    "sni_hostname": host,
                    "timeout": httpx.Timeout(self._timeout_s, connect=CONNECT_TIMEOUT_S).as_dict(),
                },
            )
            try:
                return await self._transport().handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                problem = error
            except httpx.HTTPError as error:
                raise UrlFailed(f"The host {printable(host)} did not answer in HTTP.") from error
        raise UrlFailed(f"No connection to {printable(host)} could be made.") from problem

    def _transport(self) -> httpx.AsyncHTTPTransport:
        # No client around it: that would keep cookies, look for proxies and follow redirects by itself. And no kept
        # connections: one to an address, made for one name, must not serve another name.
        if self._made is None:
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
            self._made = httpx.AsyncHTTPTransport(verify=self._tls or httpx.create_ssl_context(), limits=limits)
        return self._made


def _join(url: httpx.URL, location: str) -> httpx.URL:
    try:
        return url.join(location)
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise UrlFailed("The address redirects to something that is no address.") from error
