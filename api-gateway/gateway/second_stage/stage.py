"""Ask the second model about every chosen detection, a bounded number at a time; one that fails fails alone.

::

    wish → choice → crop     which detections, and where they are in the image
         → cutting           one decode of the image, in a thread, within the memory for drawing
         → the detector      which chooses versions, caches and bounds as for any other image
         → place             the answer, in pixels of the whole image
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from traceback import clear_frames

from gateway.concurrency.bounded import run_bounded
from gateway.concurrency.off_loop import run_off_loop
from gateway.detection.image_header import ImageHeader
from gateway.detection.parameters import NO_PARAMETERS, Parameters
from gateway.detection.prediction import Prediction
from gateway.detection.request import Ask, Detector
from gateway.drawing.studio import Studio
from gateway.errors import BoxTooSmall, UpstreamError
from gateway.second_stage.choice import choose
from gateway.second_stage.crop import Rectangle
from gateway.second_stage.cutting import Crop, check_cutting, cut
from gateway.second_stage.place import place
from gateway.second_stage.wish import Wish

#: Crops of one image that are at the second model at a time.
AT_ONCE = 4

#: Reserves bytes of the budget for uploads; raises Overloaded.
Take = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the second model saw in one detection, in pixels of the whole image, or why there is nothing.

    ``crop`` is what was cut out; None if nothing was.
    """

    seen: Prediction | Exception
    crop: Rectangle | None = None


@dataclass(frozen=True, slots=True)
class Second:
    """The outcomes by the place of their detection, how many others were left out, and milliseconds by stage."""

    model: str
    outcomes: Mapping[int, Outcome]
    left_out: int
    timings_ms: Mapping[str, float]


class SecondStage:
    """Gives what was found to ``detector``, with another model. ``studio`` has the threads and the memory."""

    def __init__(self, detector: Detector, studio: Studio) -> None:
        self._detector = detector
        self._studio = studio

    def check(self, header: ImageHeader) -> None:
        """Raise :class:`~gateway.errors.ImageTooLarge` for an image that takes too much memory to be cut."""
        if header.facts is not None:
            check_cutting(header.facts, self._studio.most_bytes)

    async def look(self, ask: Ask, found: Prediction, wish: Wish, take: Take) -> Second:
        """Give the detections of one image to the second model.

        ``ask`` is the request that ``found`` answers; ``take`` reserves memory for the crops. The same image, versions
        and parameters give the same crops, so their answers are cached. Cancellation stops the work.
        """
        started = time.perf_counter()
        size = found.image_size or (ask.header.width, ask.header.height)
        choice = choose(found.detections, wish, size)
        outcomes = {index: Outcome(BoxTooSmall(reason)) for index, reason in choice.too_small.items()}
        crops = await self._cut(ask, choice.crops, size, take) if choice.crops else {}
        if isinstance(crops, Exception):
            outcomes |= {index: Outcome(crops) for index in choice.crops}
            crops = {}
        cut_ms = (time.perf_counter() - started) * 1000
        parameters = NO_PARAMETERS if wish.conf is None else Parameters(conf=wish.conf)
        common = replace(ask, model=wish.model, parameters=parameters, version=None)

        async def see(item: tuple[int, Crop]) -> None:
            index, crop = item
            outcomes[index] = Outcome(await self._see(common, crop, size), choice.crops[index])

        await run_bounded(see, crops.items(), min(AT_ONCE, len(crops)))
        timings = {"crop": round(cut_ms, 2), "then": round((time.perf_counter() - started) * 1000, 2)}
        return Second(wish.model, outcomes, choice.left_out, timings)

    async def _cut(
        self, ask: Ask, crops: Mapping[int, Rectangle], size: tuple[int, int], take: Take
    ) -> Mapping[int, Crop] | Exception:
        """Return the crops, or the error that concerns all of them."""
        try:
            needed = 0 if ask.header.facts is None else check_cutting(ask.header.facts, self._studio.most_bytes)
            made = await self._studio.run(needed, partial(cut, ask.image, crops, size, self._studio.most_bytes))
            take(sum(len(crop.data) for crop in made.values()))
            return made
        except Exception as error:
            return _without_locals(error)

    async def _see(self, common: Ask, crop: Crop, size: tuple[int, int]) -> Prediction | Exception:
        """Return the second model's answer about one crop, or the error."""
        header = ImageHeader(crop.format, *crop.size)
        try:
            answer = await self._detector.detect(replace(common, image=crop.data, header=header))
            return await _placed(answer.prediction, crop, size)
        except Exception as error:
            return _without_locals(error)


def _without_locals(error: Exception) -> Exception:
    """Return the error; its traceback keeps its lines, and no longer the image until the next garbage collection."""
    link: BaseException | None = error
    while link is not None:
        clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__
    return error


async def _placed(seen: Prediction, crop: Crop, size: tuple[int, int]) -> Prediction:
    """Return what was seen in a crop in pixels of the whole image, whose (width, height) is ``size``."""
    try:
        if "masks" in seen.extra:  # may have a hundred thousand points
            return await run_off_loop(place, seen, crop.at, size)
        return place(seen, crop.at, size)
    except (TypeError, ValueError, KeyError, IndexError) as error:
        raise UpstreamError("The second model's answer is not of its task's form.") from error
