"""The bytes of one picture, from disk or from a URL."""

from __future__ import annotations

import asyncio

import httpx

from ops.errors import OpsError
from ops.predict.sources import Item

LARGEST = 512 * 1024 * 1024
TIMEOUT = httpx.Timeout(connect=10, read=30, write=30, pool=30)


class UnreadableError(OpsError):
    """The picture cannot be read or fetched; the message says why."""


async def read(item: Item, client: httpx.AsyncClient) -> bytes:
    """Return the encoded picture. Raises UnreadableError."""
    try:
        if item.path is None:
            return await _fetch(client, httpx.URL(item.url or ""))
        if item.path.stat().st_size > LARGEST:
            raise UnreadableError(f"larger than {LARGEST // 2**20} MiB")
        return await asyncio.to_thread(item.path.read_bytes)
    except OSError as error:
        raise UnreadableError(error.strerror or str(error)) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnreadableError(f"cannot be fetched: {type(error).__name__} {error}".rstrip()) from error


async def _fetch(client: httpx.AsyncClient, url: httpx.URL) -> bytes:
    """Fetch a URL. Its user and password are sent as Basic, or as Digest where the camera requires that."""
    user, password = url.username, url.password
    ways: list[httpx.Auth | None] = [httpx.BasicAuth(user, password), httpx.DigestAuth(user, password)]
    url = url.copy_with(username=None, password=None)
    for auth in ways if user else [None]:
        async with client.stream("GET", url, auth=auth, follow_redirects=True, timeout=TIMEOUT) as response:
            wants_digest = "digest" in response.headers.get("www-authenticate", "").lower()
            if response.status_code == 401 and wants_digest and isinstance(auth, httpx.BasicAuth):
                continue
            if response.status_code != 200:
                raise UnreadableError(f"answered {response.status_code} {response.reason_phrase}".rstrip())
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > LARGEST:
                    raise UnreadableError(f"larger than {LARGEST // 2**20} MiB")
            return bytes(body)
    raise AssertionError("the loop returns or raises")
