"""From one picture, wherever it is, to its answer: the steps that every route shares."""

from starlette.requests import Request

from gateway.api.caching import read_wish
from gateway.api.services import Services
from gateway.api.versioning import client_key
from gateway.detection.image_header import read_image_header
from gateway.detection.parameters import Parameters
from gateway.detection.request import Answer, Ask
from gateway.detection.sources import Encoded, Link, Source, check_size
from gateway.http.disconnect import unless_client_leaves
from gateway.http.observe import current_request_id
from gateway.intake.json_body import decode_picture
from gateway.limits.bodies import Share


async def load(source: Source, services: Services, share: Share) -> bytes:
    """Return a picture's bytes, wherever they are; of a size that the model server takes.

    What is fetched is counted in ``share``, to be held for as long as the picture is; bodies are counted already.
    Raises what :func:`~gateway.intake.json_body.decode_picture` and
    :meth:`~gateway.intake.fetch.ImageFetcher.fetch` do.
    """
    most = services.settings.max_body_bytes
    match source:
        case bytes():
            check_size(len(source), most)
            return source
        case Encoded():
            return decode_picture(source.text, most)
        case Link():
            return await services.fetcher.fetch(source.url, share.take)


def make_ask(
    request: Request, services: Services, image: bytes, parameters: Parameters, version: str | None = None
) -> Ask:
    """Check the picture's header and say what is wanted of it; what the request's own headers say is read here.

    ``version`` is the one that the caller named, see :func:`~gateway.api.versioning.take_version`.
    Raises what :func:`~gateway.detection.image_header.read_image_header` raises.
    """
    header = read_image_header(image, services.settings.max_image_pixels)
    no_store, max_age_s = read_wish(request.headers)
    request_id = current_request_id() or ""
    return Ask(image, header, parameters, request_id, version, client_key(request), no_store, max_age_s)


async def detect(request: Request, services: Services, ask: Ask) -> Answer:
    """Find what is in one picture; given up when the client leaves. The request's body must have been read."""
    return await unless_client_leaves(request, services.detector.detect(ask))
