"""Draw a prediction on its image: bytes in, bytes out. It takes tens of milliseconds per megapixel, so use a thread.

::

    image → codec                       bytes to upright pixels and back
            → marks                     the prediction's numbers, checked and scaled
            → strokes → labels          lines, fills and text; the places of labels
                      → style           sizes, colours, printable names
"""

import sys

from PIL import Image, ImageDraw

from gateway.detection.image_header import read_image_header
from gateway.detection.prediction import Prediction
from gateway.drawing.codec import encode, open_upright
from gateway.drawing.marks import Frame, marks_of, most_likely
from gateway.drawing.memory import plan_drawing
from gateway.drawing.strokes import draw_caption, draw_fill, draw_labels, draw_outline, draw_skeleton
from gateway.drawing.style import style_for
from gateway.drawing.wanted import Wanted
from gateway.errors import InvalidImage
from image_formats.inspect import check_body

#: For a caller that sets no limit: what drawing on 64 megapixels takes.
_MOST_BYTES = 2**30


def annotate(data: bytes, prediction: Prediction, wanted: Wanted, most_bytes: int = _MOST_BYTES) -> bytes:
    """Return the encoded image, upright, with everything in ``prediction`` drawn on it.

    An image that takes more than ``most_bytes`` of memory is drawn smaller, if its format allows that. Raises
    :class:`~gateway.errors.ImageTooLarge` if it does not, and :class:`~gateway.errors.InvalidImage` if Pillow cannot
    decode what the model server could.
    """
    facts = read_image_header(data, sys.maxsize).facts
    assert facts is not None  # noqa: S101 - for mypy
    plan = plan_drawing(facts, wanted, most_bytes)
    try:
        check_body(facts, data)
        image, profile = open_upright(data, facts, prediction.image_size, wanted, plan.halvings)
    except Exception as error:
        raise InvalidImage("The image cannot be decoded for drawing; ask for JSON, or send it as JPEG.") from error
    draw_prediction(image, prediction)
    return encode(image, wanted, profile)


def draw_prediction(image: Image.Image, prediction: Prediction) -> None:
    """Draw onto an upright RGB image, in place; it may be smaller than the original."""
    width, height = prediction.image_size or image.size
    frame = Frame(image.width / width, image.height / height, *image.size)
    style = style_for(*image.size)
    # In this mode colours blend into an RGB image by their opacity: no second image is needed.
    draw = ImageDraw.Draw(image, "RGBA")
    marks = marks_of(prediction, frame)
    for stroke in (draw_fill, draw_outline, draw_skeleton):
        for mark in reversed(marks):  # the best last, on top
            stroke(draw, mark, style)
    draw_labels(draw, marks, style, image.size)
    if probabilities := most_likely(prediction):
        draw_caption(draw, probabilities, style, image.size)
