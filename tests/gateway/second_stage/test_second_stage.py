"""POST /predict with then=: what the second model gets, and what is answered."""

from __future__ import annotations

import asyncio
import base64
import gc
import io
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from gateway.api.predict.schemas import PredictResponse
from gateway.detection.image_header import read_image_header
from gateway.detection.parameters import NO_PARAMETERS
from gateway.detection.prediction import Detection, Prediction
from gateway.detection.request import Ask
from gateway.main import create_app
from gateway.second_stage.stage import AT_ONCE
from gateway.second_stage.wish import Wish
from tests.gateway.api.test_tasks import handled
from tests.gateway.conftest import SettingsMaker, assert_error, running_app, until
from tests.gateway.support.auth import add_key
from tests.gateway.support.fake_torchserve import (
    Answer,
    Asked,
    FakeTorchServe,
    asked_model,
    serving,
    torchserve_error,
)
from tests.gateway.support.pictures import picture
from tests.gateway.support.sockets import connect, head

pytestmark = pytest.mark.anyio

SIZE = (400, 300)
JPEG = picture("JPEG", SIZE)
CAR = {"xyxy": [10.0, 20.0, 110.0, 80.0], "conf": 0.9, "cls": 2, "name": "car"}
DOG = {"xyxy": [200.0, 100.0, 260.0, 180.0], "conf": 0.8, "cls": 5, "name": "dog"}
FAR = {"xyxy": [300.0, 200.0, 305.0, 204.0], "conf": 0.7, "cls": 2, "name": "car"}
PROBS = [{"cls": 1, "name": "taxi", "conf": 0.9}, {"cls": 0, "name": "police", "conf": 0.1}]


def entry(*boxes: dict[str, Any], size: tuple[int, int] = SIZE, version: str = "1.0", **extra: Any) -> Answer:
    image = {"width": size[0], "height": size[1]}
    return Answer([{"boxes": list(boxes), "image": image, "model": {"name": "yolo", "version": version}, **extra}])


def is_crop(asked: Asked) -> bool:
    return asked.body != JPEG


def size_of(asked: Asked) -> tuple[int, int]:
    return Image.open(io.BytesIO(asked.body)).size


def two_stages(asked: Asked) -> Answer:
    """Find a car and a dog in the whole image, and probabilities in a crop."""
    if is_crop(asked):
        return entry(size=size_of(asked), task="classify", probs=PROBS)
    return entry(CAR, DOG, task="detect")


@pytest.fixture
def staged(fake: FakeTorchServe) -> FakeTorchServe:
    fake.predict = two_stages
    return fake


async def test_each_detection_carries_the_second_models_answer(
    client: httpx.AsyncClient, staged: FakeTorchServe
) -> None:
    response = await client.post("/predict?then=yolo", content=JPEG)
    assert response.status_code == 200, response.text
    body = response.json()
    first, second = body["detections"]
    # A tenth of 100 on each side of the car, a tenth of 80 on each side of the dog.
    assert first == {
        "confidence": 0.9,
        "class": "car",
        "bbox": [10.0, 20.0, 110.0, 80.0],
        "class_id": 2,
        "then": {
            "model": {"name": "yolo", "version": "1.0"},
            "task": "classify",
            "crop": [0, 10, 120, 90],
            "detections": [],
            "probs": PROBS,
        },
    }
    assert second["then"]["crop"] == [192, 92, 268, 188]
    assert body["then"] == {"model": "yolo", "asked": 2, "left_out": 0}
    assert body["timings_ms"]["then"] >= body["timings_ms"]["crop"] > 0
    crops = [asked for asked in staged.predictions if is_crop(asked)]
    assert sorted(map(size_of, crops)) == [(76, 96), (120, 80)]
    assert {asked.headers["x-request-id"] for asked in staged.predictions} == {body["request_id"]}
    answer = PredictResponse.model_validate(body)
    assert answer.model_dump(by_alias=True, mode="json", exclude_unset=True) == body


async def test_the_second_model_may_be_any_and_the_first_too(settings: SettingsMaker, fake: FakeTorchServe) -> None:
    fake.others = {"vehicles": {"1.0": ["READY"]}, "plates": {"2.1": ["READY"], "2.2": ["READY"]}}

    def predict(asked: Asked) -> Answer:
        name = asked_model(asked)
        boxes = [CAR, DOG] if name == "vehicles" else []
        return Answer([{"boxes": boxes, "model": {"name": name, "version": "2.1" if name == "plates" else "1.0"}}])

    fake.predict = predict
    async with running_app(settings()) as (_, client):
        response = await client.post("/predict?model=vehicles&then=plates&version=1.0", content=JPEG)
    assert response.status_code == 200, response.text
    body = response.json()
    assert body["model"] == {"name": "vehicles", "version": "1.0"}
    assert response.headers["x-model-version"] == "1.0"
    assert [found["then"]["model"] for found in body["detections"]] == [{"name": "plates", "version": "2.1"}] * 2
    assert [asked_model(asked) for asked in fake.predictions] == ["vehicles", "plates", "plates"]
    assert all("1.0" not in asked.path for asked in fake.predictions[1:]), "the version is the first model's"


async def test_without_then_nothing_is_different(client: httpx.AsyncClient, staged: FakeTorchServe) -> None:
    body = (await client.post("/predict", content=JPEG)).json()
    assert "then" not in body
    assert "then" not in body["detections"][0]
    assert len(staged.predictions) == 1


async def test_boxes_of_the_second_model_are_in_pixels_of_the_whole_image(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    plate = {"xyxy": [1.5, 2.5, 31.25, 12.0], "conf": 0.6, "cls": 0, "name": "plate"}
    fake.predict = lambda asked: entry(plate, size=size_of(asked)) if is_crop(asked) else entry(CAR, DOG)
    body = (await client.post("/predict?then=yolo&then_margin=0", content=JPEG)).json()
    boxes = [found["then"]["detections"][0]["bbox"] for found in body["detections"]]
    assert boxes == [[11.5, 22.5, 41.25, 32.0], [201.5, 102.5, 231.25, 112.0]]


@pytest.mark.parametrize("task", ["segment", "pose", "obb", "classify"])
async def test_the_second_models_task_adds_its_key(client: httpx.AsyncClient, fake: FakeTorchServe, task: str) -> None:
    answer = {key: value for key, value in handled(task).items() if key != "boxes"}
    fake.predict = lambda asked: entry(*handled(task)["boxes"], **answer) if is_crop(asked) else entry(CAR)
    body = (await client.post("/predict?then=yolo", content=JPEG)).json()
    (found,) = body["detections"]
    key = {"segment": "masks", "pose": "keypoints", "obb": "obb", "classify": "probs"}[task]
    assert len(found["then"][key]) == (5 if task == "classify" else len(found["then"]["detections"]))
    schema = PredictResponse.model_validate(body)
    assert schema.model_dump(by_alias=True, mode="json", exclude_unset=True) == body


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_crops_are_of_the_upright_image(
    client: httpx.AsyncClient, fake: FakeTorchServe, orientation: int
) -> None:
    """A red square in the upright image: the second model sees red wherever the camera had its top."""
    upright = Image.new("RGB", (160, 100), "white")
    upright.paste("red", (20, 10, 60, 50))
    exif = Image.Exif()
    exif[0x0112] = orientation
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's transposes that undo each orientation
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(back[orientation]))
    out = io.BytesIO()
    stored.save(out, "PNG", exif=exif)
    red = {"xyxy": [20.0, 10.0, 60.0, 50.0], "conf": 0.9, "cls": 0, "name": "sign"}
    fake.predict = lambda asked: entry(red, size=(160, 100)) if asked.body == out.getvalue() else entry(probs=PROBS)
    body = (await client.post("/predict?then=yolo&then_margin=0", content=out.getvalue())).json()
    assert body["detections"][0]["then"]["crop"] == [20, 10, 60, 50]
    crop = Image.open(io.BytesIO(fake.predictions[1].body))
    assert crop.size == (40, 40)
    assert crop.getcolors() == [(1600, (255, 0, 0))]


async def test_the_options_choose_the_detections(client: httpx.AsyncClient, staged: FakeTorchServe) -> None:
    form = {"then": "yolo", "then_classes": "dog", "then_conf": "0.3"}
    body = (await client.post("/predict", files={"file": JPEG}, data=form)).json()
    assert ["then" in found for found in body["detections"]] == [False, True]
    assert body["then"] == {"model": "yolo", "asked": 1, "left_out": 0}
    first, second = staged.predictions
    assert (first.query, second.query) == ({}, {"conf": "0.3"})

    body = (await client.post("/predict?then=yolo&then_max=1&conf=0.2", content=JPEG)).json()
    assert ["then" in found for found in body["detections"]] == [True, False]
    assert body["then"] == {"model": "yolo", "asked": 1, "left_out": 1}
    assert [asked.query for asked in staged.predictions[2:]] == [{"conf": "0.2"}, {}]


async def test_the_options_may_be_in_json(client: httpx.AsyncClient, staged: FakeTorchServe) -> None:
    sent = {"image": base64.b64encode(JPEG).decode(), "then": "yolo", "then_classes": ["dog", 2], "then_margin": 0.5}
    body = (await client.post("/predict", json=sent)).json()
    assert [found["then"]["crop"] for found in body["detections"]] == [[0, 0, 160, 130], [160, 60, 300, 220]]


async def test_one_crop_that_fails_fails_alone(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    def predict(asked: Asked) -> Answer:
        if not is_crop(asked):
            return entry(CAR, DOG, FAR)
        if size_of(asked) == (120, 80):
            return torchserve_error(500, "InternalServerException", "the worker died")
        return entry(probs=PROBS)

    fake.predict = predict
    response = await client.post("/predict?then=yolo", content=JPEG)
    assert response.status_code == 200
    body = response.json()
    car, dog, far = (found["then"] for found in body["detections"])
    assert car == {"error": {"code": "backend_error", "message": car["error"]["message"]}}
    assert dog["probs"] == PROBS
    assert far["error"]["code"] == "box_too_small"
    assert "5 × 4 pixels" in far["error"]["message"]
    assert body["then"] == {"model": "yolo", "asked": 3, "left_out": 0}
    answer = PredictResponse.model_validate(body)
    assert answer.model_dump(by_alias=True, mode="json", exclude_unset=True) == body


async def test_an_answer_that_cannot_be_placed_is_an_error_of_its_own(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.predict = lambda asked: entry(masks=7) if is_crop(asked) else entry(CAR)
    body = (await client.post("/predict?then=yolo", content=JPEG)).json()
    assert body["detections"][0]["then"]["error"]["code"] == "backend_error"


async def test_an_image_that_cannot_be_cut_still_has_its_first_answer(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    broken = JPEG[:-400]
    fake.predict = lambda asked: entry(CAR, DOG)
    body = (await client.post("/predict?then=yolo", content=broken)).json()
    assert [found["then"]["error"]["code"] for found in body["detections"]] == ["invalid_image", "invalid_image"]
    assert len(fake.predictions) == 1


@pytest.mark.parametrize("data", [JPEG, JPEG[:-400]], ids=["a failing model", "an image that cannot be cut"])
async def test_an_error_keeps_no_image_in_memory(settings: SettingsMaker, fake: FakeTorchServe, data: bytes) -> None:
    fake.predict = lambda asked: torchserve_error(500, "InternalServerException", "the worker died")
    found = Prediction([Detection(0.9, "car", 2, (10, 20, 110, 80))], SIZE, "yolo", "1.0", "detect")
    async with running_app(settings()) as (app, _):
        stage = app.state.services.second_stage
        ask = Ask(bytes(bytearray(data)), read_image_header(data, 10**6), NO_PARAMETERS, "id")
        before = sys.getrefcount(ask.image)
        gc.disable()
        try:
            second = await stage.look(ask, found, Wish("yolo"), lambda _: None)
            assert isinstance(second.outcomes[0].seen, Exception)
            del second
            after = sys.getrefcount(ask.image)  # not in the assertion, which pytest would keep a reference for
            assert after == before
        finally:
            gc.enable()


async def test_nothing_found_asks_nobody(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    fake.predict = lambda asked: entry()
    body = (await client.post("/predict?then=yolo", content=JPEG)).json()
    assert (body["detections"], body["then"]) == ([], {"model": "yolo", "asked": 0, "left_out": 0})
    assert len(fake.predictions) == 1


@pytest.mark.parametrize("route", ["/predict", "/predict/batch"])
async def test_a_key_needs_the_right_to_both_models(
    settings: SettingsMaker, fake: FakeTorchServe, tmp_path: Path, route: str
) -> None:
    fake.others = {"plates": {"1.0": ["READY"]}}
    keys = tmp_path / "keys.json"
    one, both = add_key(keys, "one", models=("yolo",)), add_key(keys, "both", models=("yolo", "plates"))
    async with running_app(settings(auth="on", api_keys_file=str(keys))) as (_, client):
        files = {"file": JPEG}
        refused = await client.post(f"{route}?then=plates", files=files, headers={"X-API-Key": one})
        assert_error(refused, 403, "insufficient_scope", "plates")
        assert fake.predictions == []
        allowed = await client.post(f"{route}?then=plates", files=files, headers={"X-API-Key": both})
        assert allowed.status_code == 200


@pytest.mark.parametrize("route", ["/predict", "/predict/batch"])
async def test_an_unknown_second_model_is_404_before_the_first_is_asked(
    client: httpx.AsyncClient, fake: FakeTorchServe, route: str
) -> None:
    response = await client.post(f"{route}?then=plates", files={"file": JPEG})
    assert_error(response, 404, "model_not_found", "'plates'", "yolo")
    assert fake.predictions == []


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("then_classes=car", "'then_classes': has no effect without 'then'"),
        ("then_margin=0.1", "'then_margin': has no effect without 'then'"),
        ("then_max=3&then=", "'then_max': has no effect without 'then'"),
        ("then=yolo&then_margin=1.1", "less than or equal to 1"),
        ("then=yolo&then_max=65", "less than or equal to 64"),
        ("then=yolo&then_conf=nan", "finite"),
        ("then=yolo&then_classes=,", "an empty entry"),
        ("then=yolo&then=other", "given twice"),
        (f"then={'x' * 64}", "at most 63"),
        ("then=yolo&then_clases=car", "did you mean then_classes?"),
    ],
)
@pytest.mark.parametrize("route", ["/predict", "/predict/batch"])
async def test_a_wrong_option_is_422_before_the_first_is_asked(
    client: httpx.AsyncClient, fake: FakeTorchServe, route: str, query: str, says: str
) -> None:
    response = await client.post(f"{route}?{query}", files={"file": JPEG})
    assert_error(response, 422, "invalid_parameter", says)
    assert fake.predictions == []


async def test_classes_of_the_second_stage_may_be_repeated(client: httpx.AsyncClient, staged: FakeTorchServe) -> None:
    query = "then=yolo&then_classes[]=dog&then_classes[]=2&classes=car,dog"
    body = (await client.post(f"/predict?{query}", content=JPEG)).json()
    assert body["then"]["asked"] == 2
    assert staged.predictions[0].query == {"classes": "car,dog"}


async def test_every_image_of_a_batch_has_a_second_stage(client: httpx.AsyncClient, staged: FakeTorchServe) -> None:
    files = [("files", JPEG), ("files", b"no image"), ("files", JPEG)]
    body = (await client.post("/predict/batch?then=yolo&then_classes=car", files=files)).json()
    first, wrong, last = body["results"]
    assert wrong["status"] == "error"
    for result in (first, last):
        assert result["detections"][0]["then"]["probs"] == PROBS
        assert result["then"] == {"model": "yolo", "asked": 1, "left_out": 0}
    lines = (await client.post("/predict/batch?then=yolo&format=ndjson", files=files[:1])).json()
    assert lines["then"]["asked"] == 2


async def test_an_annotated_image_names_what_the_second_model_saw(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.predict = two_stages
    plain = (await client.post("/predict?format=png", content=JPEG)).content
    labelled = await client.post("/predict?format=png&then=yolo", content=JPEG)
    assert labelled.headers["content-type"] == "image/png"
    assert labelled.headers["x-detections"] == "2"
    assert {"crop", "then"} <= {timing.partition(";")[0] for timing in labelled.headers["server-timing"].split(", ")}

    def named(asked: Asked) -> Answer:
        return entry({**CAR, "name": "car: taxi"}, {**DOG, "name": "dog: taxi"}, task="detect")

    fake.predict = named
    by_hand = (await client.post("/predict?format=png", content=JPEG)).content
    assert labelled.content == by_hand != plain


async def test_few_crops_of_one_image_are_at_the_model_at_a_time(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    boxes = [{**CAR, "xyxy": [10.0 * step, 20.0, 10.0 * step + 30, 80.0]} for step in range(12)]
    began: list[float] = []

    def predict(asked: Asked) -> Answer:
        if not is_crop(asked):
            return entry(*boxes)
        began.append(time.monotonic())
        return Answer(entry(probs=PROBS).body, delay_s=0.1)

    fake.predict = predict
    body = (await client.post("/predict?then=yolo", content=JPEG)).json()
    assert body["then"]["asked"] == len(began) == 12
    for fifth, first in zip(began[AT_ONCE:], began, strict=False):
        assert fifth - first > 0.09, "it began before one of the four before it had ended"


async def test_each_stage_has_answers_of_its_own_in_the_cache(settings: SettingsMaker, staged: FakeTorchServe) -> None:
    async with running_app(settings(cache="memory")) as (_, client):

        async def ask(query: str) -> tuple[str, int]:
            before = len(staged.predictions)
            response = await client.post(f"/predict?{query}", content=JPEG)
            assert response.status_code == 200
            return response.headers["x-cache"], len(staged.predictions) - before

        assert await ask("then=yolo") == ("MISS", 3)
        assert await ask("then=yolo") == ("HIT", 0)
        assert await ask("") == ("HIT", 0)
        assert await ask("then=yolo&then_margin=0.3") == ("HIT", 2)
        assert await ask("then=yolo&then_conf=0.3") == ("HIT", 2)
        before = len(staged.predictions)
        await client.post("/predict?then=yolo", content=JPEG, headers={"Cache-Control": "no-store"})
        assert len(staged.predictions) == before + 3


async def test_a_client_that_leaves_ends_the_second_stage(settings: SettingsMaker, fake: FakeTorchServe) -> None:
    fake.predict = lambda asked: Answer(entry(probs=PROBS).body, delay_s=20) if is_crop(asked) else entry(CAR, DOG)
    with serving(create_app(settings()), lifespan="on") as url:
        with connect(url) as client:
            client.sendall(head(len(JPEG)).replace(b"/predict", b"/predict?then=yolo") + JPEG)
            await until(lambda: len(fake.predictions) == 3)
        await until(lambda: fake.abandoned == 2)


async def test_an_image_that_takes_too_much_memory_is_413_before_the_first_is_asked(
    settings: SettingsMaker, fake: FakeTorchServe
) -> None:
    webp = picture("WEBP", (1200, 1000))
    async with running_app(settings(draw_memory_bytes=16_777_216)) as (_, client):
        response = await client.post("/predict?then=yolo", content=webp)
        assert_error(response, 413, "image_too_large", "Cutting objects out of", "leave out 'then'")
    assert fake.predictions == []


async def test_crops_count_as_uploads(settings: SettingsMaker, staged: FakeTorchServe) -> None:
    async with running_app(settings(upload_memory_bytes=len(JPEG) + 20_000)) as (app, client):
        body = (await client.post("/predict?then=yolo", content=JPEG)).json()
        assert [found["then"]["error"]["code"] for found in body["detections"]] == ["overloaded", "overloaded"]
        assert app.state.services.uploads.held == 0


async def test_the_event_loop_is_free_while_an_image_is_cut(client: httpx.AsyncClient, fake: FakeTorchServe) -> None:
    large = picture("PNG", (6000, 5000))
    box = {"xyxy": [0.0, 0.0, 6000.0, 5000.0], "conf": 0.9, "cls": 2, "name": "car"}
    fake.predict = lambda asked: entry(box, size=(6000, 5000)) if asked.body == large else entry(probs=PROBS)
    asking = asyncio.create_task(client.post("/predict?then=yolo", content=large))
    answered = 0
    while not asking.done():
        assert (await client.get("/health/live")).status_code == 200
        answered += 1
        await asyncio.sleep(0.005)
    assert (await asking).json()["detections"][0]["then"]["probs"] == PROBS
    assert answered > 3
