"""From an image and the headers of its request to an Ask, for every protocol."""

from starlette.datastructures import Headers
from starlette.requests import Request

from gateway.api.claim import claim_of
from gateway.api.services import Services
from gateway.auth.model_rights import require_model
from gateway.detection.image_header import read_image_header
from gateway.detection.parameters import Parameters
from gateway.detection.request import Ask
from gateway.http.caller import IDENTITY
from gateway.http.headers import CACHE_CONTROL_HEADER, CLIENT_KEY_HEADER
from gateway.http.observe import current_request_id

#: Larger ages mean the same as this one.
_LONGEST_S = 2**31


def make_ask(
    request: Request,
    services: Services,
    image: bytes,
    parameters: Parameters,
    version: str | None = None,
    model: str | None = None,
    urgent: bool = True,
) -> Ask:
    """Check the image's header, and combine it with the parameters and with what the request's headers say.

    ``version`` is the requested one, ``model`` the name of the requested model; None is the default one. An image that
    is not ``urgent`` yields to others.
    Raises what :func:`~gateway.detection.image_header.read_image_header` raises, and
    :class:`~gateway.errors.InsufficientScope` for a model that the caller may not use.
    """
    require_model(request.scope, model or services.settings.model_name)  # should a route have forgotten to ask
    no_store, max_age_s = cache_control(request.headers)
    client, request_id = client_key(request), current_request_id() or ""
    settings = services.settings
    header = read_image_header(image, settings.max_image_pixels, settings.max_decode_bytes)
    claim = claim_of(request, urgent)
    return Ask(image, header, parameters, request_id, version, client, no_store, max_age_s, model, claim)


def cache_control(headers: Headers) -> tuple[bool, float | None]:
    """Read ``no-store`` and the maximum age of a cached answer in seconds (``no-cache`` is 0); ignore the rest."""
    no_store, max_age_s = False, None
    for line in headers.getlist(CACHE_CONTROL_HEADER):
        for directive in line.split(","):
            name, _, value = directive.strip().partition("=")
            match name.strip().lower():
                case "no-store":
                    no_store = True
                case "no-cache":
                    max_age_s = 0.0
                case "max-age" if (digits := value.strip().strip('"')).isascii() and digits.isdecimal():
                    seconds = float(min(int(digits[:12]), _LONGEST_S))
                    max_age_s = seconds if max_age_s is None else min(seconds, max_age_s)
    return no_store, max_age_s


def client_key(request: Request) -> str | None:
    """Return what identifies the client: the header ``X-Client-Key``, else the name of its API key."""
    name: str | None = request.scope.get(IDENTITY)
    return request.headers.get(CLIENT_KEY_HEADER) or name
