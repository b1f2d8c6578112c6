"""From one picture of a request to its answer: the steps that every route shares, whatever its protocol."""

from starlette.requests import Request

from gateway.detector import Answer, Ask
from gateway.disconnect import unless_client_leaves
from gateway.image_header import read_image_header
from gateway.parameters import Parameters
from gateway.request_id import current_request_id
from gateway.services import Services


def make_ask(request: Request, services: Services, image: bytes, parameters: Parameters) -> Ask:
    """Check the picture's header and say what is wanted of it; what the request's own headers say is read here.

    Raises what :func:`~gateway.image_header.read_image_header` raises.
    """
    header = read_image_header(image, services.settings.max_image_pixels)
    return Ask(image, header, parameters, current_request_id() or "")


async def detect(request: Request, services: Services, ask: Ask) -> Answer:
    """Find what is in one picture; given up when the client leaves. The request's body must have been read."""
    return await unless_client_leaves(request, services.detector.detect(ask))
