"""One open page, in the words of a person who uses it."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops
from playwright.sync_api import Locator, Page, expect

#: Hands files to the page as a drop or a paste would; event names as in the DOM.
_HAND_OVER = """async ([kind, name, type, base64]) => {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const data = new DataTransfer();
  if (name) data.items.add(new File([bytes], name, {type}));
  const target = document.querySelector(".drop");
  const options = {bubbles: true, cancelable: true};
  if (kind === "paste") {
    document.body.dispatchEvent(new ClipboardEvent("paste", {...options, clipboardData: data}));
    return;
  }
  for (const step of ["dragenter", "dragover", "drop"]) {
    target.dispatchEvent(new DragEvent(step, {...options, dataTransfer: data}));
  }
}"""


@dataclass
class Visit:
    """A page, what its console complained of, and what it asked the network for."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)

    def __getitem__(self, selector: str) -> Locator:
        return self.page.locator(selector)

    def choose(self, path: Path | str) -> None:
        self["#file"].set_input_files(path)

    def drop(self, name: str, content: bytes, media_type: str = "image/png") -> None:
        self.page.evaluate(_HAND_OVER, ["drop", name, media_type, base64.b64encode(content).decode()])

    def paste(self, name: str, content: bytes, media_type: str = "image/png") -> None:
        self.page.evaluate(_HAND_OVER, ["paste", name, media_type, base64.b64encode(content).decode()])

    def headline(self, text: str) -> None:
        """Wait until the headline says so, and the answer is there."""
        expect(self["#headline"]).to_have_text(text)
        expect(self["#progress"]).to_be_hidden()

    def slide(self, name: str, *values: float) -> None:
        """Move a slider as a hand would: one input event for each value, all before the page does anything else."""
        self[f"#{name}"].evaluate(
            """(slider, values) => {
              for (const value of values) {
                slider.value = value;
                slider.dispatchEvent(new Event("input", {bubbles: true}));
              }
            }""",
            values,
        )

    def expect_complaints(self, what: str) -> None:
        """Take back the lines that Chromium itself writes when an answer has an error's status; no others."""
        assert self.complaints
        assert all(line.startswith("Failed to load resource") and what in line for line in self.complaints)
        self.complaints.clear()

    def extent(self, colour: str) -> tuple[float, float, float, float] | None:
        """Where on the image's frame a colour (#rrggbb) is seen: x1, y1, x2, y2 in CSS pixels of the frame."""
        shot = self._shot()
        density: float = self.page.evaluate("devicePixelRatio")
        parts = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
        near = [
            band.point([255 if abs(value - part) <= 6 else 0 for value in range(256)])
            for band, part in zip(shot.split(), parts, strict=True)
        ]
        seen = ImageChops.darker(ImageChops.darker(near[0], near[1]), near[2]).getbbox()
        if seen is None:
            return None
        x1, y1, x2, y2 = (edge / density for edge in seen)
        return x1, y1, x2, y2

    def pixel(self, x: float, y: float, of_width: int) -> tuple[int, int, int]:
        """The colour seen at a place of the image, whose width in its own pixels is `of_width`."""
        shot = self._shot()
        scale = shot.width / of_width
        red, green, blue = shot.getpixel((round(x * scale), round(y * scale)))
        return red, green, blue

    def _shot(self) -> Image.Image:
        return Image.open(io.BytesIO(self["#frame"].screenshot())).convert("RGB")

    def frame(self) -> dict[str, Any]:
        box = self["#frame"].bounding_box()
        assert box is not None
        return dict(box)
