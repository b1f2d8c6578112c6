"""The page at / before the real model server: what is drawn is what the model found."""

from collections import Counter

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.chromium import NoChromiumError, launched
from tests.browser.visit import Visit
from tests.support import cannot_run

#: How opaque the overlay is at places given in pixels of the picture.
ALPHA = """(canvas, [places, width]) => {
  const scale = canvas.width / width;
  const drawn = canvas.getContext("2d");
  const at = (value, most) => Math.min(Math.round(value * scale), most - 1);
  return places.map(([x, y]) => drawn.getImageData(at(x, canvas.width), at(y, canvas.height), 1, 1).data[3]);
}"""


@pytest.fixture
def chromium():
    try:
        with launched(print) as browser:
            yield browser
    except NoChromiumError as reason:
        cannot_run(f"native ring: {reason}")


def test_the_page_shows_what_the_model_found_in_the_sample(service, chromium):
    street = service.root / "samples" / "street.jpg"
    with street.open("rb") as picture:
        answer = httpx.post(f"{service.gateway}/predict", files={"file": picture}, timeout=60).json()
    page = Visit(chromium.new_page(), service.gateway)
    page.page.on("console", lambda message: page.complaints.append(message.text))
    page.page.goto(service.gateway)
    expect(page["#health"]).to_have_attribute("data-state", "ready")
    page.choose(street)
    counts = Counter(found["class"] for found in answer["detections"])
    expect(page["#headline"]).to_contain_text(f"{counts.total()} objects: ", timeout=60_000)
    for name, count in counts.items():
        expect(page["#headline"]).to_contain_text(f"{count} {name}")
    assert page.complaints == []
    width = answer["image"]["width"]
    for found in answer["detections"]:
        x1, y1, x2, y2 = found["bbox"]
        edges = [[x1 + 1, (y1 + y2) / 2], [(x1 + x2) / 2, y1 + 1], [x2 - 1, (y1 + y2) / 2], [(x1 + x2) / 2, y2 - 1]]
        assert min(page["#overlay"].evaluate(ALPHA, [edges, width])) > 100, found
