"""Give work up when the client that wanted it has gone."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

T = TypeVar("T")


async def unless_client_leaves(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Await ``work`` and return its result; cancel it and raise ClientDisconnect if the client leaves first.

    The request's body must have been read to its end: what is received after it can only be the disconnect.
    """
    here = asyncio.current_task()
    assert here is not None, "called in a coroutine"  # noqa: S101
    left = False

    async def cancel_when_client_leaves() -> None:
        nonlocal left
        while (await request.receive())["type"] != "http.disconnect":
            pass
        left = True
        here.cancel()

    leaving = asyncio.create_task(cancel_when_client_leaves())
    try:
        # In this task, so that its connection is back in the pool, or closed, when this returns.
        return await work
    except asyncio.CancelledError:
        if left and here.uncancel() == 0:  # otherwise another cancellation takes precedence
            raise ClientDisconnect from None
        raise
    finally:
        leaving.cancel()
