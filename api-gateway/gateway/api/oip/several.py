"""Several images of one request: a bounded number at a time, and the first error ends them all."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from gateway.api.errors import as_api_error
from gateway.detection.request import Answer, Ask, Detector
from gateway.errors import ApiError
from gateway.model_server.errors import BackendFault


async def detect_all(detector: Detector, asks: Sequence[Ask], at_once: int) -> list[Answer]:
    """Answer every ask, in order, at most ``at_once`` at a time; the first error ends the whole request."""
    if len(asks) == 1:
        return [await detector.detect(asks[0])]
    places = asyncio.Semaphore(at_once)

    async def one(number: int, ask: Ask) -> Answer:
        async with places:
            with about_image(number, len(asks)):
                return await detector.detect(ask)

    working = [asyncio.ensure_future(one(number, ask)) for number, ask in enumerate(asks)]
    try:
        return await asyncio.gather(*working)
    finally:
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)


@contextmanager
def about_image(number: int, of: int) -> Iterator[None]:
    """Name the image in an error that concerns one of several."""
    try:
        yield
    except (ApiError, BackendFault) as error:
        refusal = as_api_error(error)
        if of == 1 or refusal.status >= 500:
            raise
        raise type(refusal)(f"Image {number}: {refusal.message}") from error
