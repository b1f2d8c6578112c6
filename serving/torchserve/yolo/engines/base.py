"""The interface of every engine."""

from __future__ import annotations

from typing import Protocol

from yolo.letterbox import Floats, Pixels


class Engine(Protocol):
    """Runs the network: takes letterboxed pixels, returns raw head output."""

    name: str
    device: str
    precision: str
    threads: int
    # Whether images of one shape are better inferred together (a GPU) or one by one (a CPU, where an image's answer is
    # then bit for bit the same in every batch).
    grouped: bool

    def infer(self, batch: Pixels) -> list[Floats]:
        """Run an (N, H, W, C) uint8 batch, RGB or grey, sides multiples of the stride.

        Returns the head's outputs as float32, each with N first: boxes and scores, and a segmentation head's mask
        prototypes. The arrays may be reused by the same thread's next call.
        """
        ...
