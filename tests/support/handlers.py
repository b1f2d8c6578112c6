"""Handlers that differ from the project's own in a way that shows in each answer."""

from __future__ import annotations

#: Put at the end of a handler's file: it calls everything green.
NAMING_HANDLER = """

_respond = YoloHandler._respond


def _naming(self, *words):
    body = json.loads(_respond(self, *words))
    for box in body[0]["boxes"] if isinstance(body, list) else []:
        box["name"] = "green " + box["name"]
    return json.dumps(body).encode()


YoloHandler._respond = _naming
"""
