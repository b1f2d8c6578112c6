"""Stands in for torchvision where the real one does not load; disclosed in the notes of every result.

Beside a CPU-only build of torch, the torchvision of a package index whose wheels are built for CUDA raises
`operator torchvision::nms does not exist` on import. Ultralytics' `predict()` imports torchvision for one function
only, `ops.nms`. Without torchvision it would call its own `TorchNMS.nms`; this one is quicker than that, so no
contestant that runs on it is slowed down by it. A real torchvision that loads is used instead of this.
"""

from importlib.metadata import version

from torchvision import ops

__version__ = version("torchvision")
__all__ = ["ops"]
