"""The address that a client probably meant, for the message of a 404."""

from difflib import get_close_matches

from fastapi import FastAPI
from starlette.routing import Match
from starlette.types import Scope

from gateway.errors import NotFound, printable

#: Characters of an address that is taken for a typing error.
_LONGEST_TYPO = 64


def not_found(app: FastAPI, scope: Scope) -> NotFound:
    """Return the error for an address that does not exist; it names the one that is meant by it, if any."""
    path = scope["path"]
    meant = _without_slashes(app, scope) or _similar(app, path)
    if meant is None:
        return NotFound()
    return NotFound(f"There is nothing at {printable(path)}; the address is {printable(meant)}. {NotFound.default}")


def _without_slashes(app: FastAPI, scope: Scope) -> str | None:
    """Return the address without a slash at its end, and without double ones."""
    plain = "/" + "/".join(filter(None, scope["path"].split("/")))
    moved = {**scope, "path": plain, "raw_path": None}
    if plain == scope["path"] or not any(route.matches(moved)[0] is not Match.NONE for route in app.routes):
        return None
    return plain


def _similar(app: FastAPI, path: str) -> str | None:
    if len(path) > _LONGEST_TYPO:
        return None
    addresses = [text for route in app.routes if "{" not in (text := getattr(route, "path", "{"))]
    return next(iter(get_close_matches(path.lower().rstrip("/"), addresses, 1, 0.8)), None)
