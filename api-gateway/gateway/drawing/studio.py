"""Draws annotated images in threads, a bounded number at a time, so that the event loop is not blocked."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

from anyio import CapacityLimiter, to_thread

from gateway.detection.image_header import ImageHeader
from gateway.detection.prediction import Prediction
from gateway.drawing.annotate import annotate
from gateway.drawing.codec import Wanted
from gateway.errors import Overloaded

Draw = Callable[[bytes, Prediction, Wanted], bytes]

#: A decoded image takes 4 bytes per pixel, and twice that while it is turned upright: of images with more pixels than
#: this, only one is drawn at a time.
LARGE_PIXELS = 16_000_000
#: Images that may wait for each one that is drawn; each is held in memory, encoded.
WAITING_PER_SLOT = 8


class Studio:
    """Draws annotated images."""

    def __init__(self, concurrency: int, draw: Draw = annotate) -> None:
        self._draw = draw
        self._limiter = CapacityLimiter(concurrency)
        self._large = CapacityLimiter(1)
        self._most = concurrency * (1 + WAITING_PER_SLOT)
        self._present = 0

    async def annotate(self, image: bytes, header: ImageHeader, prediction: Prediction, wanted: Wanted) -> bytes:
        """Return the encoded annotated image. Raises what :func:`~gateway.drawing.annotate.annotate` does.

        Raises :class:`~gateway.errors.Overloaded` at once if too many are waiting. A cancelled call ends when its
        drawing ends, so that the bound always holds.
        """
        if self._present >= self._most:
            raise Overloaded("Too many images are waiting to be drawn; try again in a moment, or ask for JSON.")
        self._present += 1
        try:
            async with self._large if header.width * header.height > LARGE_PIXELS else nullcontext():
                return await to_thread.run_sync(partial(self._draw, image, prediction, wanted), limiter=self._limiter)
        finally:
            self._present -= 1
