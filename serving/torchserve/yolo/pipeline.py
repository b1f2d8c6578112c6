"""Decode, letterbox, infer and post-process a batch; every image independently.

An image gets the same answer in every batch, and its error affects no other image. While one image is inferred the next
one is decoded: the decoder and the network both release the interpreter's lock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from yolo import image, letterbox, results
from yolo.crop import crop_centre
from yolo.engines.base import Engine
from yolo.errors import ArchiveError
from yolo.letterbox import Floats, Geometry, Pixels
from yolo.metadata import Metadata
from yolo.parameters import Parameters
from yolo.tracing.stages import Stages


@dataclass(frozen=True, slots=True)
class Request:
    """One image's bytes and parameters."""

    data: bytes | bytearray
    parameters: Parameters


@dataclass(slots=True)
class Outcome:
    """The result of one request: `answer` with its size and times, or `error`.

    `size` is (width, height) of the upright image; `timings` are milliseconds per stage. `stages` are the begin and the
    end of each, in seconds of `time.perf_counter`.
    """

    answer: dict[str, Any] | None = None
    error: Exception | None = None
    size: tuple[int, int] | None = None
    timings: dict[str, float] = field(default_factory=dict)
    stages: Stages = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Prepared:
    geometry: Geometry
    pixels: Pixels
    stages: Stages


class Pipeline:
    """Runs requests. Used by one thread at a time; a second thread decodes ahead."""

    def __init__(
        self, engine: Engine, model: Metadata, max_pixels: int, fast_decode: bool = False, max_bytes: int | None = None
    ) -> None:
        self.engine = engine
        self.model = model
        self.max_pixels = max_pixels
        self.max_bytes = max_bytes
        # A classifier crops from the full image.
        self.fast_decode = fast_decode and model.task != "classify"
        self._ahead = ThreadPoolExecutor(max_workers=1, thread_name_prefix="decode")

    def run(self, requests: Sequence[Request]) -> list[Outcome]:
        """Return one outcome per request, in order. An error stays with its request and is not raised."""
        if self.engine.grouped:
            return self._together(requests)
        return [
            self._finish(request, prepared)
            for request, prepared in zip(requests, self._prepared(requests), strict=True)
        ]

    def warm_up(self, wanted: Parameters, batch: int = 1) -> None:
        """Infer a grey image in the usual shapes of photos, so that the first request finds everything loaded.

        If the engine infers images together, also infer `batch` of them, the maximum: the largest shape first, so that
        the smaller ones reuse its memory. Raises ArchiveError when that fails.
        """
        height, width = self.model.imgsz
        for shape in ((height, width), (height, width * 3 // 4), (height * 3 // 4, width)):
            geometry, pixels = self._fit(np.full((*shape, self.model.channels), 114, dtype=np.uint8), wanted)
            if self.engine.grouped and batch > 1:
                try:
                    self.engine.infer(np.repeat(pixels[None], batch, axis=0))
                except Exception as error:  # such as out of memory, which each engine names differently
                    raise ArchiveError(f"A batch of {batch} cannot be inferred ({error}): lower BATCH_SIZE") from error
            outputs = self.engine.infer(pixels[None])
            results.answer([output[0] for output in outputs], geometry, wanted, self.model)

    def close(self) -> None:
        """Stop the thread that decodes ahead."""
        self._ahead.shutdown(wait=True)

    def _prepared(self, requests: Sequence[Request]) -> Iterator[_Prepared | Exception]:
        """Yield every request's letterboxed image; the next one is prepared while the last one is used."""
        if len(requests) == 1:  # nothing to decode ahead: avoid the other thread
            yield self._prepare(requests[0])
            return
        coming = self._ahead.submit(self._prepare, requests[0]) if requests else None
        for following in [*requests[1:], None]:
            if coming is None:
                return
            prepared = coming.result()
            coming = None if following is None else self._ahead.submit(self._prepare, following)
            yield prepared

    def _prepare(self, request: Request) -> _Prepared | Exception:
        try:
            started = perf_counter()
            picture, source = self._decode(request)
            decoded = perf_counter()
            geometry, pixels = self._fit(picture, request.parameters, source)
            stages = {"decode": (started, decoded), "letterbox": (decoded, perf_counter())}
        except Exception as error:  # stays with its request
            return error
        return _Prepared(geometry, pixels, stages)

    def _decode(self, request: Request) -> tuple[Pixels, tuple[int, int]]:
        """Return the upright pixels and the (height, width) of the full image."""
        if self.fast_decode:
            target = request.parameters.imgsz
            return image.decode_reduced(request.data, self.max_pixels, self.model.channels, target, self.max_bytes)
        picture = image.decode(request.data, self.max_pixels, self.model.channels, self.max_bytes)
        return picture, (picture.shape[0], picture.shape[1])

    def _fit(
        self, picture: Pixels, wanted: Parameters, source: tuple[int, int] | None = None
    ) -> tuple[Geometry, Pixels]:
        """Fit an image into the network's input. `source` is the full image's (height, width), by default its own."""
        source = source or (picture.shape[0], picture.shape[1])
        if self.model.task == "classify":
            return letterbox.stretch(source, wanted.imgsz), crop_centre(picture, wanted.imgsz)
        if self.model.head == results.RTDETR:
            geometry = letterbox.stretch(source, wanted.imgsz)
        else:
            geometry = letterbox.fit(source, wanted.imgsz, self.model.stride)
        return geometry, letterbox.apply(picture, geometry)

    def _finish(self, request: Request, prepared: _Prepared | Exception) -> Outcome:
        if isinstance(prepared, Exception):
            return Outcome(error=prepared)
        try:
            started = perf_counter()
            outputs = self.engine.infer(prepared.pixels[None])
            prepared.stages["infer"] = (started, perf_counter())
            return self._answer(request, prepared, [output[0] for output in outputs])
        except Exception as error:  # as above
            return Outcome(error=error)

    def _answer(self, request: Request, prepared: _Prepared, outputs: list[Floats]) -> Outcome:
        started = perf_counter()
        found = results.answer(outputs, prepared.geometry, request.parameters, self.model)
        stages = {**prepared.stages, "nms": (started, perf_counter())}
        timings = {stage: (end - begin) * 1000 for stage, (begin, end) in stages.items()}
        timings["total"] = sum(timings.values())
        height, width = prepared.geometry.source
        rounded = {stage: round(ms, 2) for stage, ms in timings.items()}
        return Outcome(found, size=(width, height), timings=rounded, stages=stages)

    def _together(self, requests: Sequence[Request]) -> list[Outcome]:
        """Infer images of one shape as one batch, as suits a GPU; a group that fails is retried one by one."""
        prepared = list(self._prepared(requests))
        outcomes: list[Outcome | None] = [None] * len(requests)
        groups: dict[tuple[int, ...], list[tuple[int, _Prepared]]] = {}
        for index, item in enumerate(prepared):
            if isinstance(item, Exception):
                outcomes[index] = Outcome(error=item)
            else:
                groups.setdefault(item.pixels.shape, []).append((index, item))
        for members in groups.values():
            try:
                started = perf_counter()
                outputs = self.engine.infer(np.stack([item.pixels for _, item in members]))
                ended = perf_counter()
            except Exception:  # such as out of memory: each image alone may succeed, or gets its own error
                for index, item in members:
                    outcomes[index] = self._finish(requests[index], item)
                continue
            for place, (index, item) in enumerate(members):
                item.stages["infer"] = (started, ended)
                try:
                    outcomes[index] = self._answer(requests[index], item, [output[place] for output in outputs])
                except Exception as error:  # as above
                    outcomes[index] = Outcome(error=error)
        return [outcome for outcome in outcomes if outcome is not None]
