"""A worker of TorchServe for one picture, without its server: `trial_worker.py FOLDER PICTURE`.

FOLDER is an unpacked archive, and on PYTHONPATH. Ends with 0 when its handler has answered the picture.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ts.context import RequestProcessor
from ts.model_loader import ModelLoaderFactory


def main(folder: Path, picture: Path) -> str | None:
    """Return why the handler gave no answer, None when it did. Raises what loading the archive raises."""
    model = json.loads((folder / "MAR-INF/MANIFEST.json").read_text(encoding="utf-8"))["model"]
    loader = ModelLoaderFactory.get_model_loader()
    service = loader.load(model["modelName"], str(folder), model["handler"], None, 1)
    service.context.request_ids = {0: "trial"}
    service.context.request_processor = [RequestProcessor({})]
    (body,) = service._entry_point([{"body": picture.read_bytes()}], service.context)
    answer = json.loads(body)
    if isinstance(answer, dict):
        return f"the handler answers a picture with: {answer.get('message')}"
    version = answer[0]["model"]["version"]
    return None if version == model["modelVersion"] else f"the handler says that its version is {version}"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
