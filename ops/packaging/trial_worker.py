"""A worker of TorchServe for one picture, without its server: `trial_worker.py FOLDER PICTURE`.

FOLDER is an unpacked archive, and on PYTHONPATH. Ends with 0 when its handler has answered the picture. The context is
TorchServe's own. Its loader is not used, because it imports torch, which takes seconds and the handler does without.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from ts.context import Context, RequestProcessor
from ts.utils.util import list_classes_from_module


def main(folder: Path, picture: Path) -> str | None:
    """Return why the handler gave no answer, None when it did. Raises what loading the archive raises."""
    manifest = json.loads((folder / "MAR-INF/MANIFEST.json").read_text(encoding="utf-8"))
    model = manifest["model"]
    (handler,) = list_classes_from_module(importlib.import_module(Path(model["handler"]).stem))
    context = Context(model["modelName"], str(folder), manifest, 1, None, "")
    loaded = handler()
    loaded.initialize(context)
    context.request_ids = {0: "trial"}
    context.request_processor = [RequestProcessor({})]
    (body,) = loaded.handle([{"body": picture.read_bytes()}], context)
    answer = json.loads(body)
    if isinstance(answer, dict):
        return f"the handler answers a picture with: {answer.get('message')}"
    version = answer[0]["model"]["version"]
    return None if version == model["modelVersion"] else f"the handler says that its version is {version}"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
