"""Download an image from its URL, without giving clients access to hosts that only the gateway can reach (SSRF).

A name is resolved once, all of its addresses are checked, and the connection goes to a checked address, so that a name
server that changes its answer (DNS rebinding) gains nothing. The Host header and TLS still use the name. Each redirect
goes through the same checks.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import httpx

from gateway import __version__
from gateway.concurrency.shares import Place, Shares
from gateway.errors import ApiError, BodyTooLarge, UrlFailed, UrlNotAllowed, printable
from gateway.intake.site_connection import Budget, SiteTransport
from gateway.intake.url_policy import LONGEST_URL, UrlPolicy, host_of
from gateway.settings import Settings
from gateway.settings.netrc_file import read_netrc
from gateway.tracing import context

#: From a host and a port to its addresses, in the order to try them.
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
#: Reserves memory for so many bytes more; raises :class:`~gateway.errors.ApiError` if there is too little.
Take = Callable[[int], None]

CONNECT_TIMEOUT_S = 3.0
#: How many of a host's addresses are tried.
MOST_ADDRESSES = 3
_HEADERS = {
    "User-Agent": f"yolo-serving/{__version__}",
    "Accept": "image/*",
    # The size of compressed content would be unknown before it is decompressed.
    "Accept-Encoding": "identity",
    "Connection": "close",
}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

logger = logging.getLogger("gateway.intake.fetch")


def _free(size: int) -> None:
    """Reserve nothing."""


class SystemResolver:
    """The system's resolver, in threads of its own: a slow name server must not delay the model server's name.

    A thread cannot be stopped: there must be one for each name that is looked up at a time.
    """

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolve")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return a host's addresses. Raises OSError (``socket.gaierror``) or UnicodeError."""
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return list(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(frozen=True, slots=True)
class _Download:
    """What one download has: its place among others, its memory, its connections and what they may still bring."""

    place: Place
    take: Take
    transport: SiteTransport
    budget: Budget


class ImageFetcher:
    """Downloads a bounded number of images at a time, and for each caller; time, size and redirects are limited."""

    def __init__(self, settings: Settings, resolver: Resolver | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._policy = UrlPolicy(settings.url_allow, settings.url_allow_private, settings.url_deny)
        self._resolve = resolver or SystemResolver(settings.url_concurrency)
        self._users = read_netrc(settings.url_netrc_file)
        self._max_bytes = settings.max_body_bytes
        self._timeout_s = settings.url_timeout_s
        self._max_redirects = settings.url_max_redirects
        self._shares = Shares(settings.url_concurrency, settings.url_concurrency_per_caller)
        self._tls = tls

    async def fetch(self, text: str, take: Take = _free, caller: str = "") -> bytes:
        """Return the bytes at a URL, which may or may not be an image.

        ``caller`` is the one whose share of the downloads this one belongs to. ``take`` reserves memory as the bytes
        arrive; whoever passed it releases it.
        Raises :class:`~gateway.errors.UrlNotAllowed`, :class:`~gateway.errors.UrlFailed`, or
        :class:`~gateway.errors.BodyTooLarge`.
        """
        try:
            with context.span("fetch image"):
                async with asyncio.timeout(self._timeout_s), self._shares.place(caller) as place:
                    budget = Budget()
                    async with self._transport(budget) as transport:
                        download = _Download(place, take, transport, budget)
                        return await self._follow(self._policy.check_url(text), download)
        except TimeoutError as error:
            raise UrlFailed(f"The image was not downloaded within {self._timeout_s:g} s.") from error
        except ApiError as error:
            logger.info("an image was not downloaded", extra={"error": error.code, "detail": error.message})
            raise

    async def _follow(self, url: httpx.URL, download: _Download) -> bytes:
        for _ in range(self._max_redirects + 1):
            answer = await self._get(url, download)
            if isinstance(answer, bytes):
                return answer
            if url.scheme == "https" and answer.scheme != "https":
                raise UrlNotAllowed("A redirect from https to http is not allowed.")
            url = self._policy.check_url(str(answer))
        raise UrlFailed(f"The URL redirects more than {self._max_redirects} times.")

    async def _get(self, url: httpx.URL, download: _Download) -> bytes | httpx.URL:
        """Return the body, or the URL that it redirects to."""
        response = await self._connect(url, download)
        try:
            if response.status_code in _REDIRECTS and "location" in response.headers:
                return _join(url, response.headers["location"])
            if response.status_code != httpx.codes.OK:
                raise UrlFailed(f"The URL answered {response.status_code} instead of an image.")
            if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
                raise UrlFailed("The URL answered with compressed content, which was not requested.")
            return await self._read(response, download)
        except httpx.HTTPError as error:
            raise UrlFailed("The connection broke before the whole image arrived.") from error
        finally:
            await response.aclose()

    async def _read(self, response: httpx.Response, download: _Download) -> bytes:
        too_large = BodyTooLarge(f"The image at the URL is larger than {self._max_bytes} bytes.")
        declared = response.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._max_bytes:
            raise too_large
        received = bytearray()
        async for chunk in response.aiter_raw():
            if len(received) + len(chunk) > self._max_bytes:
                raise too_large
            download.take(len(chunk))
            download.budget.add_image(len(chunk))
            received += chunk
        return bytes(received)

    async def _connect(self, url: httpx.URL, download: _Download) -> httpx.Response:
        host, place = host_of(url), download.place
        # The resolver's thread goes on after a timeout; until it ends, it counts for the caller.
        place.busy = asyncio.ensure_future(self._resolve(host, url.port or (443 if url.scheme == "https" else 80)))
        try:
            addresses = await asyncio.shield(place.busy)
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
                return await self._send(request, host, download.transport)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                problem = error
            except httpx.HTTPError as error:
                raise UrlFailed(f"The host {printable(host)} did not answer in HTTP.") from error
        raise UrlFailed(f"No connection to {printable(host)} could be made.") from problem

    async def _send(self, request: httpx.Request, host: str, transport: SiteTransport) -> httpx.Response:
        """Send a request; again with the user and password of the host if it requires them and they are known."""
        response = await transport.handle_async_request(request)
        user = self._users.get(host)
        if user is None or response.status_code != httpx.codes.UNAUTHORIZED:
            return response
        await response.aclose()
        response.request = request
        return await transport.handle_async_request(_authorized(request, response, user))

    def _transport(self, budget: Budget) -> SiteTransport:
        # No client around it, which would keep cookies, use proxies and follow redirects.
        self._tls = self._tls or httpx.create_ssl_context()
        return SiteTransport(self._tls, budget)


def _authorized(request: httpx.Request, refusal: httpx.Response, user: tuple[str, str]) -> httpx.Request:
    """Return the request with a user and a password, in the way that the refusal names. Raises UrlFailed."""
    challenges = refusal.headers.get_list("www-authenticate")
    if not any(challenge.lower().startswith("digest ") for challenge in challenges):
        return next(httpx.BasicAuth(*user).auth_flow(request))
    digest = httpx.DigestAuth(*user).auth_flow(request)
    next(digest)
    try:
        return digest.send(refusal)
    except (httpx.ProtocolError, ValueError, KeyError, NotImplementedError) as error:  # httpx parses it carelessly
        raise UrlFailed("The host requires a password in a way that is not supported.") from error


def _join(url: httpx.URL, location: str) -> httpx.URL:
    if len(location) > LONGEST_URL:  # to parse a host name of many letters takes seconds
        raise UrlFailed(f"The URL redirects to one that is longer than {LONGEST_URL} characters.")
    try:
        return url.join(location)
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise UrlFailed("The URL redirects to an invalid URL.") from error
