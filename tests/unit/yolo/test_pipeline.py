"""A batch through the pipeline, with an engine that answers what the test gives it."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tests.unit.yolo.samples import MAX_PIXELS, FixedEngine, blobs, encode, head, metadata
from yolo import image, parameters
from yolo.errors import ArchiveError, InvalidImage
from yolo.letterbox import Floats, Pixels
from yolo.pipeline import Pipeline, Request

BOX = head([(32, 32, 16, 16, 1, 0.9)])


def requests(*pictures: bytes) -> list[Request]:
    return [Request(data, parameters.parse({}, metadata())) for data in pictures]


def test_a_picture_gets_its_answer_its_size_and_its_times() -> None:
    (outcome,) = Pipeline(FixedEngine(BOX), metadata(), MAX_PIXELS).run(requests(encode(blobs(128, 128), "PNG")))
    assert outcome.answer == {"boxes": [{"xyxy": [48.0, 48.0, 80.0, 80.0], "conf": 0.9, "cls": 1, "name": "bus"}]}
    assert outcome.size == (128, 128)
    assert list(outcome.timings) == ["decode", "letterbox", "infer", "nms", "total"]
    assert outcome.timings["total"] == pytest.approx(sum(list(outcome.timings.values())[:4]), abs=0.05)


def test_on_a_cpu_every_picture_is_inferred_by_itself() -> None:
    engine = FixedEngine(BOX)
    Pipeline(engine, metadata(), MAX_PIXELS).run(requests(*[encode(blobs(64, 64), "PNG")] * 3))
    assert engine.batches == [(1, 64, 64, 3)] * 3


def test_on_a_gpu_pictures_of_one_shape_are_inferred_together_and_answered_in_order() -> None:
    engine = FixedEngine(BOX, grouped=True)
    wide, square = encode(blobs(128, 64), "PNG"), encode(blobs(64, 64), "PNG")
    outcomes = Pipeline(engine, metadata(), MAX_PIXELS).run(requests(wide, square, b"none", wide))
    assert sorted(engine.batches) == [(1, 64, 64, 3), (2, 32, 64, 3)]
    assert [outcome.size for outcome in outcomes] == [(128, 64), (64, 64), None, (128, 64)]
    assert isinstance(outcomes[2].error, InvalidImage)


class Failing(FixedEngine):
    """An engine that cannot take more than one picture, nor a dark one."""

    def infer(self, batch: Pixels) -> list[Floats]:
        if len(batch) > 1 or batch.max() < 10:
            raise MemoryError("no room")
        return super().infer(batch)


@pytest.mark.parametrize("grouped", [False, True])
def test_an_engine_that_fails_on_one_picture_fails_that_one_only(grouped: bool) -> None:
    dark = encode(np.zeros((64, 64, 3), dtype=np.uint8), "PNG")
    good = encode(blobs(64, 64), "PNG")
    outcomes = Pipeline(Failing(BOX, grouped), metadata(), MAX_PIXELS).run(requests(good, dark, good))
    assert [type(outcome.error) for outcome in outcomes] == [type(None), MemoryError, type(None)]


def test_a_bad_picture_leaves_its_neighbours_alone() -> None:
    good = encode(blobs(64, 64), "JPEG")
    outcomes = Pipeline(FixedEngine(BOX), metadata(), MAX_PIXELS).run(requests(good, b"", good[:-9], good))
    assert [type(outcome.error) for outcome in outcomes] == [type(None), InvalidImage, InvalidImage, type(None)]


def test_each_request_of_a_batch_has_its_own_parameters() -> None:
    output = head([(32, 32, 16, 16, 1, 0.9), (10, 10, 8, 8, 0, 0.4)])
    data = encode(blobs(64, 64), "PNG")
    asked = [{}, {"conf": "0.5"}, {"classes": "person"}, {"max_det": "1"}]
    batch = [Request(data, parameters.parse(fields, metadata())) for fields in asked]
    outcomes = Pipeline(FixedEngine(output), metadata(), MAX_PIXELS).run(batch)
    assert [[box["cls"] for box in (outcome.answer or {})["boxes"]] for outcome in outcomes] == [[1, 0], [1], [0], [1]]


def test_the_next_picture_is_decoded_while_one_is_inferred() -> None:
    main = threading.get_ident()
    decoding, seen = threading.Event(), []

    class Watching(FixedEngine):
        def infer(self, batch: Pixels) -> list[Floats]:
            seen.append(decoding.wait(timeout=10))
            return super().infer(batch)

    class Second(bytes):
        """Bytes that tell when another thread has begun to read them."""

        def __getitem__(self, key: object) -> object:
            if threading.get_ident() != main:
                decoding.set()
            return super().__getitem__(key)  # type: ignore[index]

    data = encode(blobs(64, 64), "JPEG")
    outcomes = Pipeline(Watching(BOX), metadata(), MAX_PIXELS).run(requests(data, Second(data)))
    assert seen[0], "the second picture was not touched while the first was inferred"
    assert [outcome.error for outcome in outcomes] == [None, None]


def test_warming_up_infers_the_shapes_of_photos() -> None:
    engine = FixedEngine(BOX)
    model = metadata(imgsz=(128, 128))
    Pipeline(engine, model, MAX_PIXELS).warm_up(parameters.parse({}, model))
    assert {shape[1:3] for shape in engine.batches} == {(128, 128), (128, 96), (96, 128)}


def test_where_pictures_are_inferred_together_the_largest_batch_is_warmed_up_before_single_ones() -> None:
    model = metadata(imgsz=(128, 128))
    for grouped, counts in ((True, [8, 1] * 3), (False, [1] * 3)):
        engine = FixedEngine(BOX, grouped)
        Pipeline(engine, model, MAX_PIXELS).warm_up(parameters.parse({}, model), batch=8)
        assert [shape[0] for shape in engine.batches] == counts


def test_a_batch_that_does_not_fit_is_said_before_the_worker_is_ready() -> None:
    model = metadata(imgsz=(128, 128))
    pipeline = Pipeline(Failing(BOX, grouped=True), model, MAX_PIXELS)
    pipeline.warm_up(parameters.parse({}, model))
    with pytest.raises(ArchiveError, match=r"A batch of 8 .*no room.*lower BATCH_SIZE"):
        pipeline.warm_up(parameters.parse({}, model), batch=8)


def test_the_answer_does_not_depend_on_the_threads_of_opencv() -> None:
    import cv2

    threads = cv2.getNumThreads()
    data = encode(blobs(1999, 1501), "JPEG")
    model = metadata(imgsz=(640, 640))
    try:
        seen = []
        for count in (1, 2, 4):
            cv2.setNumThreads(count)
            pixels = Pipeline(FixedEngine(BOX), model, MAX_PIXELS)._fit(
                image.decode(data, MAX_PIXELS), parameters.parse({}, model)
            )[1]
            seen.append(pixels.tobytes())
        assert len(set(seen)) == 1
    finally:
        cv2.setNumThreads(threads)


def test_closing_ends_the_reading_ahead() -> None:
    before = set(threading.enumerate())
    pipeline = Pipeline(FixedEngine(BOX), metadata(), MAX_PIXELS)
    pipeline.run(requests(*[encode(blobs(64, 64), "PNG")] * 2))
    started = set(threading.enumerate()) - before
    assert len(started) == 1
    pipeline.close()
    assert not started & set(threading.enumerate())
