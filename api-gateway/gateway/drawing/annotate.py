"""Draw a prediction on its image: bytes in, bytes out. It takes tens of milliseconds per megapixel, so use a thread.

::

    image → codec                       bytes to upright pixels and back
            → marks                     the prediction's numbers, checked and scaled
            → strokes → labels          lines, fills and text; the places of labels
                      → style           sizes, colours, printable names
"""

from PIL import Image, ImageDraw

from gateway.detection.prediction import Prediction
from gateway.drawing.codec import Wanted, encode, open_upright
from gateway.drawing.marks import Frame, marks_of, most_likely
from gateway.drawing.strokes import draw_caption, draw_fill, draw_labels, draw_outline, draw_skeleton
from gateway.drawing.style import style_for
from gateway.errors import InvalidImage


def annotate(data: bytes, prediction: Prediction, wanted: Wanted) -> bytes:
    """Return the encoded image, upright, with everything in ``prediction`` drawn on it.

    Raises :class:`~gateway.errors.InvalidImage` if Pillow cannot decode what the model server could.
    """
    try:
        image, profile = open_upright(data, prediction.image_size, wanted)
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
