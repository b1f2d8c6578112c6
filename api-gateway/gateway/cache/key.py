"""The key of a stored answer: a hash of everything that the answer depends on."""

import asyncio
import hashlib
import json

from gateway.detection.classes import sorted_entries
from gateway.detection.parameters import Parameters
from gateway.model_server.base import Served

#: Goes into every key; a new number when what is stored is written otherwise, so that old values are never read.
PREFIX = "yolo-serving:cache:1:"
#: Pictures above this many bytes are hashed in a thread: half a millisecond a megabyte would hold everybody up.
IN_THREAD_FROM = 2_000_000


async def picture_digest(image: bytes) -> bytes:
    """Hash the encoded picture: another file is another picture, whatever its pixels.

    SHA-256, because processors have instructions for it: 2.0 GB/s here, BLAKE2b 1.3, SHA-512 1.1, SHA3-256 0.6.
    """
    if len(image) < IN_THREAD_FROM:
        return hashlib.sha256(image).digest()
    return (await asyncio.to_thread(hashlib.sha256, image)).digest()


def cache_key(digest: bytes, parameters: Parameters, backend: str, model: str, served: Served) -> str:
    """Return the key for an image, the parameters, and the content of the model that answers."""
    ways = parameters.given()
    if (classes := ways.get("classes")) is not None:
        ways["classes"] = sorted_entries(classes)
    asked = json.dumps([backend, model, served.version, served.epoch, ways], sort_keys=True)
    return PREFIX + hashlib.sha256(digest + asked.encode()).hexdigest()
