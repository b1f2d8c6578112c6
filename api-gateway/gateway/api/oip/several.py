"""Several images of one request: a bounded number at a time, and the first error ends them all."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from gateway.api.errors import as_api_error
from gateway.concurrency.bounded import run_bounded
from gateway.detection.request import Answer, Ask, Detector
from gateway.errors import ApiError
from gateway.model_server.errors import BackendFault


async def detect_all(detector: Detector, asks: Sequence[Ask], at_once: int) -> list[Answer]:
    """Answer every ask, in order, at most ``at_once`` at a time; the first error ends the whole request."""
    answers: dict[int, Answer] = {}

    async def work(number: int) -> None:
        with about_image(number, len(asks)):
            answers[number] = await detector.detect(asks[number])

    await run_bounded(work, range(len(asks)), min(at_once, len(asks)))
    return [answers[number] for number in range(len(asks))]


@contextmanager
def about_image(number: int, of: int) -> Iterator[None]:
    """Name the image in an error that concerns one of several."""
    try:
        yield
    except (ApiError, BackendFault) as error:
        if of == 1 or as_api_error(error).status >= 500:
            raise
        raise _numbered(number, as_api_error(error)) from error


def _numbered(number: int, error: ApiError) -> ApiError:
    # Not above: an error in a variable of a frame that its traceback refers to keeps the images until the next garbage
    # collection.
    return type(error)(f"Image {number}: {error.message}")
