"""What every engine offers, whatever runs the network."""

from __future__ import annotations

from typing import Protocol

from yolo.letterbox import Floats, Pixels


class Engine(Protocol):
    """Letterboxed pixels in, raw head output out."""

    name: str
    device: str
    precision: str
    threads: int
    # Whether several pictures of one shape are better inferred together (a GPU) or one by one (a CPU, where a picture
    # then gets bit for bit what it would get alone).
    grouped: bool

    def infer(self, batch: Pixels) -> list[Floats]:
        """Run an (N, H, W, C) uint8 batch, RGB or grey, sides multiples of the stride.

        Returns the head's outputs as float32, each with N first: boxes and scores, and a segmentation head's mask
        prototypes. The arrays may be reused by the same thread's next call: take what is needed before it.
        """
        ...
