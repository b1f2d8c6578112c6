"""A substitute for torchvision where the real one does not load; the notes of every result disclose it.

With a CPU-only build of torch, the torchvision of a package index whose wheels are built for CUDA raises
`operator torchvision::nms does not exist` on import. Ultralytics' `predict()` imports torchvision for one function
only, `ops.nms`. Without torchvision it calls its own `TorchNMS.nms`; this one is quicker, so it slows no contestant
down. A real torchvision that loads is used instead.
"""

from importlib.metadata import version

from torchvision import ops

__version__ = version("torchvision")
__all__ = ["ops"]
