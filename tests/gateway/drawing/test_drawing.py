"""Annotated images, down to their pixels."""

from __future__ import annotations

import asyncio
import io
import random
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, ImageChops

from gateway.detection.image_header import ImageHeader
from gateway.detection.prediction import Detection, Prediction
from gateway.drawing.annotate import annotate
from gateway.drawing.labels import fit_text, place_label
from gateway.drawing.strokes import FILL
from gateway.drawing.studio import Studio
from gateway.drawing.style import BLACK, COLOURS, WHITE, colour_of, font, ink_on, luminance, readable_name, style_for
from gateway.drawing.wanted import Format, Wanted
from gateway.errors import InvalidImage, Overloaded
from tests.gateway.conftest import assert_error, until
from tests.gateway.support.fake_torchserve import STREET, Answer, FakeTorchServe
from tests.gateway.support.pictures import picture

GREY = (128, 128, 128)
SIZES = [(100, 80), (640, 480), (6000, 4000), (3000, 60)]
PNG = Wanted("png")


def plain(size: tuple[int, int], kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, GREY).save(out, kind, **options)
    return out.getvalue()


def noise(kind: str) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((640, 480), 80).convert("RGB").save(out, kind)
    return out.getvalue()


def prediction(size: tuple[int, int], *boxes: tuple[float, ...], name: str = "person", **extra: Any) -> Prediction:
    found = [Detection(0.9 - index / 100, name, 0, box) for index, box in enumerate(boxes)]
    return Prediction(found, size, "yolo", "1.0", "detect", {}, extra)


def drawn(data: bytes, found: Prediction, wanted: Wanted = PNG) -> Image.Image:
    image = Image.open(io.BytesIO(annotate(data, found, wanted)))
    image.load()
    return image


def pixel(image: Image.Image, x: float, y: float) -> tuple[int, int, int]:
    value = image.getpixel((round(x), round(y)))
    assert isinstance(value, tuple)
    return value[0], value[1], value[2]


def changed(image: Image.Image) -> tuple[int, int, int, int] | None:
    """The smallest rectangle outside of which nothing was drawn."""
    return ImageChops.difference(image, Image.new("RGB", image.size, GREY)).getbbox()


def near(one: tuple[int, int, int], other: tuple[int, int, int], by: int = 12) -> bool:
    return all(abs(a - b) <= by for a, b in zip(one, other, strict=True))


def has_colour(image: Image.Image, colour: tuple[int, int, int]) -> bool:
    """Say whether a pixel has that colour, or nearly: the strokes of small letters are softened."""
    return any(near(found, colour, 20) for _, found in image.getcolors(2**24) or [])  # type: ignore[arg-type]


@pytest.mark.parametrize("size", SIZES[:3])
def test_a_box_is_drawn_where_it_is_in_its_class_colour_and_leaves_its_inside_alone(size: tuple[int, int]) -> None:
    width, height = size
    box = (width * 0.2, height * 0.4, width * 0.8, height * 0.9)
    image = drawn(plain(size), prediction(size, box))
    assert image.size == size
    for x, y in ((box[0], height * 0.7), (box[2], height * 0.7), (width * 0.5, box[3]), (width * 0.75, box[1])):
        assert pixel(image, x, y) == colour_of(0)
    assert pixel(image, width * 0.5, height * 0.7) == GREY
    assert pixel(image, width * 0.05, height * 0.95) == GREY


@pytest.mark.parametrize("size", SIZES)
def test_lines_and_letters_grow_with_the_picture(size: tuple[int, int]) -> None:
    style = style_for(*size)
    assert 10 <= style.font_size <= max(10, min(size) / 6)
    assert 1 <= style.line <= max(1, min(size) / 20)


def test_the_letters_take_about_the_same_share_of_a_large_picture_as_of_a_small_one() -> None:
    small, large = style_for(640, 480), style_for(6400, 4800)
    assert large.font_size == pytest.approx(10 * small.font_size, rel=0.05)
    assert large.line == pytest.approx(10 * small.line, rel=0.2)


@pytest.mark.parametrize("size", SIZES)
def test_a_label_is_written_inside_the_picture_whatever_the_box(size: tuple[int, int]) -> None:
    width, height = size
    for box in ((0, 0, 3, 3), (width - 3, height - 3, width, height), (0, 0, width, height)):
        image = drawn(plain(size), prediction(size, box))
        assert has_colour(image, ink_on(colour_of(0))), box
        assert has_colour(image, colour_of(0))


def test_labels_of_boxes_apart_do_not_cover_each_other_and_all_lie_inside() -> None:
    chance = random.Random(7)
    size = (640, 480)
    taken: list[tuple[int, int, int, int]] = []
    for _ in range(200):
        left, top = chance.randrange(-50, 640), chance.randrange(-50, 480)
        place = place_label((left, top, left + 40, top + 40), (70, 15), taken, size)
        if place is None:
            continue
        assert 0 <= place[0] <= place[2] <= 640
        assert 0 <= place[1] <= place[3] <= 480
        taken.append(place)
    assert len(taken) > 40
    assert place_label((300, 200, 340, 240), (70, 15), [(0, 0, 640, 480)], size) is None


def test_text_that_is_too_wide_loses_first_its_confidence_then_its_end() -> None:
    face = font(12)
    whole = round(face.getlength("motorcycle 0.75")) + 1
    assert fit_text("motorcycle", "0.75", whole, face) == "motorcycle 0.75"
    assert fit_text("motorcycle", "0.75", whole - 10, face) == "motorcycle"
    cut = fit_text("motorcycle", "0.75", 40, face)
    assert cut.startswith("m")
    assert cut.endswith("…")
    assert fit_text("motorcycle", "0.75", 1, face) == ""


def test_on_a_small_picture_labels_leave_most_of_it_to_be_seen() -> None:
    size = (100, 80)
    boxes = [(x, y, x + 20, y + 20) for x in range(0, 80, 10) for y in range(0, 60, 10)]
    image = drawn(plain(size), prediction(size, *boxes))
    covered = sum(near(pixel(image, x, y), BLACK, 90) for x in range(100) for y in range(80))
    assert 0 < covered < 0.3 * 100 * 80


def test_colours_are_stable_apart_and_their_ink_can_be_read() -> None:
    colours = [colour_of(number) for number in range(len(COLOURS))]
    assert colours == [colour_of(number) for number in range(len(COLOURS))]
    assert len(set(colours)) == len(COLOURS) >= 20
    for colour in [*colours, BLACK, WHITE]:
        lighter, darker = sorted((luminance(colour), luminance(ink_on(colour))), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5  # WCAG 2 AA


def test_a_name_that_the_built_in_face_cannot_write_becomes_the_class_number() -> None:
    assert readable_name("traffic light", 3) == "traffic light"
    assert readable_name("vélo électrique", 3) == "velo electrique"
    assert readable_name("自転車", 3) == "#3"
    assert readable_name("a\nb", 4) == "#4"
    assert readable_name("  ", 5) == "#5"


def test_a_sideways_photo_is_drawn_upright_as_its_boxes_are_and_without_its_metadata() -> None:
    sideways = picture("JPEG", (80, 60), exif_orientation=6)
    image = drawn(sideways, prediction((60, 80), (10, 40, 50, 75)), Wanted("png"))
    assert image.size == (60, 80)
    assert pixel(image, 10, 60) == colour_of(0)
    assert dict(image.getexif()) == {}


def test_a_photo_that_the_model_server_did_not_turn_is_not_turned() -> None:
    sideways = picture("PNG", (80, 60), exif_orientation=6)
    assert drawn(sideways, prediction((80, 60), (10, 10, 50, 50))).size == (80, 60)


def test_a_mask_lets_the_picture_through() -> None:
    mask = [[[20, 40], [180, 40], [180, 140], [20, 140]]]
    image = drawn(plain((200, 150)), prediction((200, 150), (20, 40, 180, 140), masks=[mask]))
    inside = pixel(image, 100, 100)
    assert inside != GREY
    share = FILL / 255
    blended = tuple(round(a * (1 - share) + b * share) for a, b in zip(GREY, colour_of(0), strict=True))
    assert near(inside, (blended[0], blended[1], blended[2]), 2)
    assert pixel(image, 190, 145) == GREY


def test_keypoints_are_drawn_where_they_are_seen_and_coco_ones_are_joined() -> None:
    points: list[list[float]] = [[0, 0, 0.0]] * 17
    points[5], points[7], points[9] = [100, 60, 0.9], [100, 110, 0.9], [100, 140, 0.1]
    image = drawn(plain((200, 150)), prediction((200, 150), (20, 40, 180, 145), keypoints=[points]))
    assert pixel(image, 100, 60) == colour_of(0)
    assert pixel(image, 100, 85) not in (GREY, colour_of(0))  # the upper arm
    assert pixel(image, 100, 140) == GREY  # a wrist that is not seen
    dots = drawn(plain((200, 150)), prediction((200, 150), (20, 40, 180, 145), keypoints=[[[100, 60], [100, 110]]]))
    assert pixel(dots, 100, 60) == colour_of(0)
    assert pixel(dots, 100, 85) == GREY


def test_an_oriented_box_is_drawn_by_its_corners_not_by_its_hull() -> None:
    corners = [[100, 30], [180, 75], [100, 120], [20, 75]]
    found = prediction((200, 150), (20, 30, 180, 120), obb=[{"xyxyxyxy": corners, "xywhr": []}])
    image = drawn(plain((200, 150)), found)
    assert GREY not in (pixel(image, 100, 30), pixel(image, 180, 75), pixel(image, 100, 120), pixel(image, 20, 75))
    assert any(pixel(image, 140, y) == colour_of(0) for y in (51, 52, 53))
    assert pixel(image, 180, 110) == GREY


def test_a_classifiers_answer_is_a_caption() -> None:
    probs = [{"cls": number, "name": f"class {number}", "conf": 0.5 - number / 10} for number in range(5)]
    for size in SIZES:
        image = drawn(plain(size), prediction(size, probs=probs))
        box = changed(image)
        assert box is not None
        assert box[:2] == (0, 0)
        assert box[2] <= size[0]
        assert box[3] <= size[1]
        assert has_colour(image, WHITE)


NONSENSE: list[dict[str, Any]] = [
    {"masks": "no list"},
    {"masks": [[[[1, 2]]], 5]},
    {"masks": [[[["a", "b"], [1, 2], [3, 4]]]]},
    {"masks": [[[[1e300, 2], [float("nan"), 2], [3, 4]]]]},
    {"keypoints": [[[1], [1, 2, 3, 4], None, "x", [float("inf"), 1]]]},
    {"obb": [{"xyxyxyxy": [[1, 2]]}]},
    {"obb": [None]},
    {"probs": [{"name": "x"}, 3, {"cls": "a", "name": "b", "conf": "c"}]},
    {"probs": {"cat": 0.9}},
]


@pytest.mark.parametrize("extra", NONSENSE)
def test_what_makes_no_sense_is_left_out(extra: dict[str, Any]) -> None:
    image = drawn(plain((200, 150)), prediction((200, 150), (20, 40, 180, 140), **extra))
    assert pixel(image, 20, 100) == colour_of(0)


@pytest.mark.parametrize(
    "box",
    [(-1e9, -1e9, 1e9, 1e9), (50, 50, 50, 50), (90, 90, 10, 10), (float("nan"), 0, 1, 1), (500, 500, 600, 600), ()],
)
def test_no_box_is_too_odd_to_draw(box: tuple[float, ...]) -> None:
    assert drawn(plain((100, 100)), prediction((100, 100), box)).size == (100, 100)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (20, 12), (500, 3)])
def test_no_picture_is_too_small_to_draw_on(size: tuple[int, int]) -> None:
    probs = [{"cls": 0, "name": "cat", "conf": 0.9}]
    found = prediction(size, (0, 0, *size), keypoints=[[[0.5, 0.5, 1]]], probs=probs)
    assert drawn(plain(size), found).size == size


def test_three_thousand_boxes_are_drawn() -> None:
    boxes = [(x % 600, x // 5, x % 600 + 30, x // 5 + 30) for x in range(3000)]
    assert drawn(plain((640, 640)), prediction((640, 640), *boxes)).size == (640, 640)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "HEIF", "JPEG2000", "PPM"])
def test_every_format_that_is_read_can_be_drawn_on(kind: str) -> None:
    image = drawn(picture(kind, (120, 90)), prediction((120, 90), (10, 30, 110, 80)))
    assert pixel(image, 10, 60) == colour_of(0)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_pixel_can_be_drawn_on(mode: str) -> None:
    out = io.BytesIO()
    if mode == "I;16":
        Image.new("I;16", (120, 90), 128 * 256).save(out, "PNG")
    else:
        image = Image.new("RGB", (120, 90), GREY)
        image = image.quantize(16) if mode == "P" else image.convert(mode)
        image.save(out, "TIFF" if mode == "CMYK" else "PNG")
    result = drawn(out.getvalue(), prediction((120, 90), (10, 30, 110, 80)))
    assert pixel(result, 10, 60) == colour_of(0)
    if mode != "1":
        assert near(pixel(result, 60, 60), GREY)


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_the_three_formats_are_what_they_say(kind: Format) -> None:
    image = drawn(plain((960, 720)), prediction((960, 720), (120, 180, 840, 600)), Wanted(kind))
    assert image.format == kind.upper()
    assert near(pixel(image, 121, 390), colour_of(0), 40)


def test_a_lower_quality_is_smaller() -> None:
    data, found = picture("JPEG", (640, 480)), prediction((640, 480), (40, 60, 280, 200))
    sizes = [len(annotate(data, found, Wanted("jpeg", quality))) for quality in (10, 50, 95)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1] / 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_smaller_picture_is_drawn_small_not_shrunk_afterwards(kind: str) -> None:
    found = prediction((2000, 1000), (500, 500, 1500, 900))
    image = drawn(plain((2000, 1000), kind), found, Wanted("png", max_side=400))
    assert image.size == (400, 200)
    assert pixel(image, 100, 140) == colour_of(0)
    assert drawn(plain((200, 100)), prediction((200, 100)), Wanted("png", max_side=400)).size == (200, 100)


def test_a_picture_longer_than_webp_can_hold_is_drawn_smaller() -> None:
    size = (20_000, 40)
    image = drawn(plain(size), prediction(size, (5000, 5, 15_000, 35)), Wanted("webp"))
    assert image.size == (16_383, 33)


def test_the_colour_profile_is_kept() -> None:
    profile = b"not read by anybody here"
    data = plain((64, 48), "JPEG", icc_profile=profile)
    assert drawn(data, prediction((64, 48))).info["icc_profile"] == profile


def test_a_damaged_picture_is_a_clear_error() -> None:
    with pytest.raises(InvalidImage, match="ask for JSON"):
        annotate(noise("PNG")[:-3000], prediction((640, 480)), PNG)


def test_photographs_of_every_size_are_drawn(photos: list[Path]) -> None:
    for path in photos:
        with Image.open(path) as photo:
            size = photo.size
        found = prediction(size, *[(size[0] * n / 10, size[1] * n / 12, size[0], size[1]) for n in range(9)])
        assert drawn(path.read_bytes(), found, Wanted("jpeg")).size == size


# --- over HTTP ---

JPEG = picture("JPEG", (810, 1080))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("query", "accept", "media_type"),
    [
        ("", "image/jpeg", "image/jpeg"),
        ("", "image/png", "image/png"),
        ("", "image/webp, image/png;q=0.9", "image/webp"),
        ("", "image/*", "image/jpeg"),
        ("", "image/*;q=0.5, image/png", "image/png"),
        ("", "application/json;q=0.5, image/png;q=0.6", "image/png"),
        ("", "image/jpeg;q=0, image/*", "image/png"),
        ("", "image/jpeg, */*", "application/json"),
        ("", "image/gif, */*;q=0.1", "application/json"),
        ("", "*/*", "application/json"),
        ("", "", "application/json"),
        ("", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "application/json"),
        ("", "text/html, image/gif, image/jpeg, */*; q=0.2", "application/json"),
        ("?format=json", "image/png", "application/json"),
        ("?format=image", "application/json", "image/jpeg"),
        ("?format=image", "image/webp", "image/webp"),
        ("?format=image", "image/gif", "image/jpeg"),
        ("?format=PNG", "text/plain", "image/png"),
        ("?format=webp", "*/*", "image/webp"),
        ("?format=jpeg", "*/*", "image/jpeg"),
    ],
)
async def test_the_format_wins_over_the_accept_header_and_json_is_the_default(
    client: httpx.AsyncClient, query: str, accept: str, media_type: str
) -> None:
    response = await client.post(f"/predict{query}", content=JPEG, headers={"Accept": accept})
    assert response.status_code == 200
    assert response.headers["content-type"] == media_type
    if media_type.startswith("image/"):
        image = Image.open(io.BytesIO(response.content))
        assert (image.get_format_mimetype(), image.size) == (media_type, (810, 1080))  # type: ignore[attr-defined]


@pytest.mark.anyio
async def test_a_picture_says_in_headers_what_json_says_in_its_body(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict?format=png", content=JPEG)
    assert response.headers["x-detections"] == "2"
    assert response.headers["x-model-version"] == "1.0"
    timings = dict(part.split(";dur=") for part in response.headers["server-timing"].split(", "))
    assert list(timings) == ["decode", "letterbox", "infer", "nms", "model_server", "total", "draw"]
    assert timings["infer"] == "59.02"
    image = Image.open(io.BytesIO(response.content)).convert("RGB")
    (x1, _, _, y2), (number,) = STREET["boxes"][0]["xyxy"], [STREET["boxes"][0]["cls"]]
    assert pixel(image, x1, y2 - 20) == colour_of(number)


@pytest.mark.anyio
async def test_quality_and_size_come_from_the_query_or_the_form(client: httpx.AsyncClient) -> None:
    files = {"file": JPEG}
    small = await client.post("/predict", files=files, data={"format": "jpeg", "max_side": "320", "quality": "40"})
    assert Image.open(io.BytesIO(small.content)).size == (240, 320)
    large = await client.post("/predict?format=jpeg&max_side=320&quality=95", files=files)
    assert len(large.content) > len(small.content)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "query",
    ["format=gif", "quality=0", "quality=101", "quality=x", "max_side=31", "max_side=16385", "format=png&format=jpeg"],
)
async def test_a_bad_option_is_422_by_name(client: httpx.AsyncClient, fake: FakeTorchServe, query: str) -> None:
    response = await client.post(f"/predict?{query}", content=JPEG)
    assert_error(response, 422, "invalid_parameter", query.partition("=")[0])
    assert fake.predictions == []


@pytest.mark.anyio
@pytest.mark.parametrize("accept", ["text/html", "image/gif", "application/json;q=0", "*/*;q=0", "image/avif, text/*"])
async def test_an_accept_header_that_nothing_fits_is_406(
    client: httpx.AsyncClient, fake: FakeTorchServe, accept: str
) -> None:
    response = await client.post("/predict", content=JPEG, headers={"Accept": accept})
    assert_error(response, 406, "not_acceptable", "application/json", "image/webp")
    assert fake.predictions == []


@pytest.mark.anyio
@pytest.mark.parametrize("accept", [";;;", "q=1", ",", "image/png;q=abc, */*", "a" * 10_000])
async def test_an_accept_header_that_makes_no_sense_is_no_error(client: httpx.AsyncClient, accept: str) -> None:
    response = await client.post("/predict", content=JPEG, headers={"Accept": accept})
    assert response.headers["content-type"] == "application/json"
    assert response.status_code == 200


@pytest.mark.anyio
async def test_an_error_is_json_whatever_was_accepted(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict", content=b"no image", headers={"Accept": "image/png"})
    assert_error(response, 415, "unsupported_image")


@pytest.mark.anyio
async def test_a_picture_that_only_the_model_server_can_decode_is_400(
    client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    fake.predict = lambda asked: Answer([{**STREET, "image": {"width": 640, "height": 480}}])
    response = await client.post("/predict?format=png", content=noise("PNG")[:-3000])
    assert_error(response, 400, "invalid_image", "ask for JSON")


SMALL, LARGE = ImageHeader("JPEG", 640, 480), ImageHeader("JPEG", 6000, 4000)


class Easel:
    """Draws nothing and takes its time: until ``release``; knows how many were drawn at once."""

    def __init__(self) -> None:
        self.release, self._lock = threading.Event(), threading.Lock()
        self.now = self.most = 0

    def __call__(self, image: bytes, _: Prediction, __: Wanted) -> bytes:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.release.wait(10)
        with self._lock:
            self.now -= 1
        return image


@pytest.mark.anyio
async def test_no_more_are_drawn_at_once_than_the_setting_says_and_too_many_waiting_are_refused() -> None:
    easel = Easel()
    studio, found = Studio(2, easel), prediction((1, 1))
    drawings = [asyncio.create_task(studio.annotate(b"x", SMALL, found, PNG)) for _ in range(18)]
    await until(lambda: easel.now == 2)
    with pytest.raises(Overloaded, match="ask for JSON"):
        await studio.annotate(b"x", SMALL, found, PNG)
    easel.release.set()
    assert await asyncio.gather(*drawings) == [b"x"] * 18
    assert easel.most == 2
    assert await studio.annotate(b"y", SMALL, found, PNG) == b"y"


@pytest.mark.anyio
async def test_of_large_pictures_one_is_drawn_at_a_time_and_small_ones_pass_it() -> None:
    easel = Easel()
    studio, found = Studio(3, easel), prediction((1, 1))
    large = [asyncio.create_task(studio.annotate(b"l", LARGE, found, PNG)) for _ in range(3)]
    await until(lambda: easel.now == 1)
    small = asyncio.create_task(studio.annotate(b"s", SMALL, found, PNG))
    await until(lambda: easel.now == 2)
    easel.release.set()
    assert await asyncio.gather(small, *large) == [b"s", b"l", b"l", b"l"]
    assert easel.most == 2


@pytest.mark.anyio
async def test_a_client_that_leaves_gives_its_place_to_the_next() -> None:
    easel = Easel()
    studio, found = Studio(1, easel), prediction((1, 1))
    first, second = (asyncio.create_task(studio.annotate(b"x", LARGE, found, PNG)) for _ in range(2))
    await until(lambda: easel.now == 1)
    for task in (first, second):
        task.cancel()
    easel.release.set()
    assert all(
        isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(first, second, return_exceptions=True)
    )
    assert await studio.annotate(b"y", LARGE, found, PNG) == b"y"
    assert easel.most == 1
