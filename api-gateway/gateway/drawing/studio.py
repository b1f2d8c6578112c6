"""Draws annotated images in threads, a bounded number at a time, so that the event loop is not blocked."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from gateway.detection.image_header import ImageHeader
from gateway.detection.prediction import Prediction
from gateway.drawing.annotate import annotate
from gateway.drawing.memory import plan_drawing
from gateway.drawing.wanted import Wanted
from gateway.errors import Overloaded

Draw = Callable[[bytes, Prediction, Wanted], bytes]
T = TypeVar("T")

#: Bytes per pixel of an image of which only the size is known.
_UNKNOWN_FORMAT = 12
#: Images that may wait for each one that is drawn; each is held in memory, encoded.
WAITING_PER_SLOT = 8


class Studio:
    """Draws annotated images, all together within ``memory_bytes``.

    Most images are small: each may take a share of a quarter of the memory. One larger image at a time takes the rest.
    """

    def __init__(self, concurrency: int, draw: Draw | None = None, memory_bytes: int = 2**30) -> None:
        self._share = memory_bytes // (4 * concurrency)
        self.most_bytes = memory_bytes - (concurrency - 1) * self._share
        self._draw = draw or partial(annotate, most_bytes=self.most_bytes)
        self._limiter = CapacityLimiter(concurrency)
        self._large = CapacityLimiter(1)
        self._most = concurrency * (1 + WAITING_PER_SLOT)
        self._present = 0

    def needed_bytes(self, header: ImageHeader, wanted: Wanted) -> int:
        """Return the memory that drawing takes. Raises :class:`~gateway.errors.ImageTooLarge` if that is too much."""
        if header.facts is None:
            return header.width * header.height * _UNKNOWN_FORMAT
        return plan_drawing(header.facts, wanted, self.most_bytes).needed

    async def annotate(self, image: bytes, header: ImageHeader, prediction: Prediction, wanted: Wanted) -> bytes:
        """Return the encoded annotated image. Raises what :func:`~gateway.drawing.annotate.annotate` does.

        Raises :class:`~gateway.errors.Overloaded` at once if too many are waiting.
        """
        return await self.run(self.needed_bytes(header, wanted), partial(self._draw, image, prediction, wanted))

    async def run(self, needed: int, work: Callable[[], T]) -> T:
        """Do other work on the pixels of an image, which takes ``needed`` bytes of memory, within the same bounds.

        Raises :class:`~gateway.errors.Overloaded` at once if too many are waiting. A cancelled call ends when its
        work ends, so that the bound always holds.
        """
        if self._present >= self._most:
            raise Overloaded("Too many images are waiting to be drawn; try again in a moment, or ask for JSON.")
        self._present += 1
        try:
            async with self._large if needed > self._share else nullcontext():
                return await to_thread.run_sync(work, limiter=self._limiter)
        finally:
            self._present -= 1
