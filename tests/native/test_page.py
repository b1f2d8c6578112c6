"""The page at / before the real model server: what is drawn is what the model found."""

from collections import Counter

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import NoChromiumError, launched
from tests.browser.visit import Visit
from tests.support import cannot_run
from tests.support.endpoints import HTTP

#: The most opaque pixel of the overlay within one pixel of each place, which is in pixels of the picture.
ALPHA = """(canvas, [places, width]) => {
  const scale = canvas.width / width;
  const drawn = canvas.getContext("2d");
  return places.map(([x, y]) => {
    const {data} = drawn.getImageData(Math.round(x * scale) - 1, Math.round(y * scale) - 1, 3, 3);
    return Math.max(...data.filter((_, at) => at % 4 === 3));
  });
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
        answer = HTTP.post(f"{service.gateway}/predict", files={"file": picture}, timeout=60).json()
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
        edges = [[x1, (y1 + y2) / 2], [(x1 + x2) / 2, y1], [x2, (y1 + y2) / 2], [(x1 + x2) / 2, y2]]
        assert min(page["#overlay"].evaluate(ALPHA, [edges, width])) > 200, found
