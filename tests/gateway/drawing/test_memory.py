"""The memory that drawing takes: what is drawn smaller, what is refused, and that the figures are right."""

from __future__ import annotations

import io

import httpx
import pytest
from PIL import Image

from gateway.detection.image_header import read_image_header
from gateway.detection.prediction import Prediction
from gateway.drawing.annotate import annotate
from gateway.drawing.memory import plan_drawing
from gateway.drawing.wanted import Wanted
from gateway.errors import ImageTooLarge
from image_formats.facts import Facts
from tests.gateway.conftest import assert_error
from tests.gateway.support.fake_torchserve import FakeTorchServe
from tests.support.hostile.jpeg import sized
from tests.support.hostile.jpeg2000 import cod, codestream, qcd, siz

NOTHING = Prediction([], None, "yolo", "1.0", "detect", {}, {})
DEFAULT = 402_653_184 * 7 // 8


def facts_of(kind: str, side: int, **changed: float | str) -> Facts:
    return Facts(kind, side, side, pixels=side * side, halvings=3 if kind in ("JPEG", "JPEG2000") else 0, **changed)  # type: ignore[arg-type]


def test_a_photo_of_64_megapixels_is_drawn_in_full() -> None:
    assert plan_drawing(facts_of("JPEG", 8000), Wanted("jpeg"), DEFAULT).halvings == 0


@pytest.mark.parametrize(
    ("kind", "changed", "halvings"),
    [("JPEG", {"kept": 3.0}, 1), ("JPEG", {"orientation": 6}, 1), ("JPEG2000", {}, 1), ("JPEG2000", {"samples": 1}, 1)],
)
def test_what_takes_more_is_halved_while_it_is_decoded(kind: str, changed: dict[str, float], halvings: int) -> None:
    plan = plan_drawing(facts_of(kind, 8000, **changed), Wanted("jpeg"), DEFAULT)
    assert plan.halvings == halvings
    assert plan.needed <= DEFAULT


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "HEIF", "GIF", "TIFF", "BMP"])
def test_what_cannot_be_halved_is_refused_with_the_figures(kind: str) -> None:
    with pytest.raises(ImageTooLarge, match=r"8000 × 8000 pixels takes \d+ MB of memory; the limit is 352 MB"):
        plan_drawing(facts_of(kind, 8000), Wanted("jpeg"), DEFAULT)


def test_an_annotated_webp_takes_more_than_a_jpeg() -> None:
    assert plan_drawing(facts_of("JPEG", 6000), Wanted("jpeg"), DEFAULT).halvings == 0
    assert plan_drawing(facts_of("JPEG", 6000), Wanted("webp"), DEFAULT).halvings == 1


@pytest.mark.parametrize(("kind", "size"), [("JPEG", (500, 250)), ("JPEG2000", (500, 250))])
def test_a_halved_image_is_drawn_at_half_its_size(kind: str, size: tuple[int, int]) -> None:
    out = io.BytesIO()
    Image.new("RGB", (1000, 500), "grey").save(out, kind)
    drawn = annotate(out.getvalue(), NOTHING, Wanted("png"), 3_000_000)
    assert Image.open(io.BytesIO(drawn)).size == size


def test_the_comment_of_the_image_is_not_passed_on() -> None:
    out = io.BytesIO()
    Image.new("RGB", (60, 40)).save(out, "JPEG", comment=b"where I live")
    assert b"where I live" not in annotate(out.getvalue(), NOTHING, Wanted("jpeg"))


@pytest.fixture
def wide() -> bytes:
    """An image that takes a while to encode, which must not hold up the application's event loop."""
    out = io.BytesIO()
    Image.new("RGB", (5000, 5000)).save(out, "WEBP", method=0, quality=1)
    return out.getvalue()


@pytest.mark.anyio
async def test_expensive_pixels_are_413_with_the_figures_and_the_model_server_is_not_asked(
    wide: bytes, client: httpx.AsyncClient, fake: FakeTorchServe
) -> None:
    large = codestream(siz(8000, 8000, (8000, 8000), 3), cod(), qcd())
    response = await client.post("/predict", content=large)
    assert_error(response, 413, "image_too_large", "JPEG2000", "8000 × 8000 pixels takes 1293 MB", "limit is 537 MB")
    response = await client.post("/predict?format=jpeg", content=wide)
    assert_error(response, 413, "image_too_large", "WEBP", "5000 × 5000 pixels takes 430 MB", "limit is 352 MB")
    assert fake.predictions == []


def test_the_header_of_a_file_knows_what_a_pixel_takes() -> None:
    out = io.BytesIO()
    Image.new("RGB", (64, 64)).save(out, "JPEG", progressive=True, subsampling=0)
    facts = read_image_header(sized(out.getvalue(), 8000, 8000), 10**8).facts
    assert facts is not None
    assert (facts.mode, facts.kept, facts.pixels) == ("progressive", 6.0, 64_000_000)
