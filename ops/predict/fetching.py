"""The bytes of one picture, from disk or from an address."""

from __future__ import annotations

import asyncio

import httpx

from ops.predict.sources import Item

LARGEST = 512 * 1024 * 1024
TIMEOUT = httpx.Timeout(connect=10, read=30, write=30, pool=30)


class UnreadableError(Exception):
    """This picture cannot be had; the message says why."""


async def read(item: Item, client: httpx.AsyncClient) -> bytes:
    """Return the encoded picture. Raises UnreadableError."""
    if item.path is not None:
        try:
            if item.path.stat().st_size > LARGEST:
                raise UnreadableError(f"larger than {LARGEST // 2**20} MiB")
            return await asyncio.to_thread(item.path.read_bytes)
        except OSError as error:
            raise UnreadableError(error.strerror or str(error)) from error
    try:
        return await _fetch(client, item.url or "")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnreadableError(f"cannot be fetched: {type(error).__name__} {error}".rstrip()) from error


async def _fetch(client: httpx.AsyncClient, url: str) -> bytes:
    """Fetch an address with the user and password that stand in it; cameras ask for them in either of two ways."""
    address = httpx.URL(url)
    user, password = address.username, address.password
    bare = address.copy_with(username=None, password=None)
    ways: list[httpx.Auth | None] = [httpx.BasicAuth(user, password), httpx.DigestAuth(user, password)]
    for auth in ways if user else [None]:
        async with client.stream("GET", bare, auth=auth, follow_redirects=True, timeout=TIMEOUT) as response:
            digest_wanted = "digest" in response.headers.get("www-authenticate", "").lower()
            if response.status_code == 401 and digest_wanted and isinstance(auth, httpx.BasicAuth):
                continue
            if response.status_code != 200:
                raise UnreadableError(f"answered {response.status_code} {response.reason_phrase}".rstrip())
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > LARGEST:
                    raise UnreadableError(f"larger than {LARGEST // 2**20} MiB")
            return bytes(body)
    raise UnreadableError("answered 401 Unauthorized")
