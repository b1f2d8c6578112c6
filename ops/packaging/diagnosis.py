"""Why a file cannot be loaded as weights, and what to do about it.

It is told from the file's first bytes, the names in its zip archive, and the classes that its pickle names. Nothing in
the file is run.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import io
import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

# Files that are often mistaken for weights, by their first bytes.
_MISTAKEN = (
    (b"<", "an HTML or XML page, not weights: the download went wrong, fetch the file again"),
    (b"version https://git-lfs", "a Git LFS pointer, not weights: run `git lfs pull` in the repository it came from"),
    (b"\x08", "an ONNX model: package the .pt it was exported from"),
    (b"\x1f\x8b", "compressed with gzip, not weights: unpack it first (gunzip)"),
)
# The packages of the repositories that YOLOv5, YOLOv7 and YOLOv9 were first published in.
_OLD_REPOSITORIES = frozenset({"models", "utils"})
_TRAIN_AGAIN = "Train it again with Ultralytics (yolo train model=yolo11n.pt data=…) and package that best.pt"
_SAVE_WHOLE = (
    "from ultralytics import YOLO; m = YOLO('yolo11n.yaml'); m.model.load_state_dict(torch.load('best.pt')); "
    "m.save('whole.pt')"
)
# Names of Python 2's standard library, which pickles of torch use.
_PYTHON_2 = frozenset({"__builtin__", "copy_reg"})
# A legacy checkpoint is a few pickles one after the other, and then the numbers.
_MOST_PICKLES = 6


def find_mistaken(weights: Path) -> str | None:
    """Return what a file is that is often mistaken for weights, and the fix; None for anything else."""
    with weights.open("rb") as file:
        start = file.read(256).lstrip()
    if not start:
        return "empty: copy or download the weights again"
    for magic, what in _MISTAKEN:
        if start.startswith(magic):
            return what
    return _find_mistaken_zip(weights) if zipfile.is_zipfile(weights) else None


def _find_mistaken_zip(weights: Path) -> str | None:
    with zipfile.ZipFile(weights) as archive:
        names = archive.namelist()
    if any("/code/" in name for name in names):
        return "a TorchScript export: package the .pt that it was exported from"
    if "MAR-INF/MANIFEST.json" in names:
        return f"an archive of packaged weights: take them out first (unzip -p {weights.name} best.pt > best.pt)"
    inside = next((name for name in names if name.endswith(".pt") and "__MACOSX" not in name), None)
    if any(name.endswith("data.pkl") for name in names):
        return None
    if inside:
        return f"a zip archive that contains {inside}: unpack it first (unzip {weights.name}) and package that file"
    return "a zip archive without weights in it: package the best.pt of the training"


def explain(weights: Path) -> str | None:
    """Return why weights cannot be loaded, and the fix, from the classes that they name; None if that does not tell."""
    classes = set(_pickled_classes(weights))
    roots = {module.partition(".")[0] for module, _ in classes}
    if "super_gradients" in roots:
        return f"it is a YOLO-NAS model of SuperGradients, which Ultralytics does not load. {_TRAIN_AGAIN}"
    if "__main__" in roots:
        names = ", ".join(sorted(name for module, name in classes if module == "__main__"))
        return (
            f"it contains objects of {names}, which the script that saved it defines itself, and which exist nowhere "
            "else. Save it without them: in that script, YOLO(…).save('best.pt') of an unchanged Ultralytics model"
        )
    if roots & _OLD_REPOSITORIES and "ultralytics" not in roots:
        return (
            "it comes from the old repository of YOLOv5, YOLOv7 or YOLOv9 (its classes are in models.*), whose models "
            f"Ultralytics does not load. {_TRAIN_AGAIN} (for YOLOv5: model=yolov5nu.pt)"
        )
    if missing := sorted(_missing(classes)):
        version = importlib.metadata.version("ultralytics-opencv-headless")
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        return (
            f"it needs {', '.join(missing[:3])}{more}, which Ultralytics {version} does not have: it was trained with "
            f"a fork, or with a newer version. {_TRAIN_AGAIN}"
        )
    if classes and not any(module.startswith(("ultralytics", "torch.nn.modules")) for module, _ in classes):
        return (
            "it holds numbers without a model (such as a state_dict). Load them into the model that they belong to and "
            f'save that: python -c "import torch; {_SAVE_WHOLE}"'
        )
    return None


def _pickled_classes(weights: Path) -> Iterator[tuple[str, str]]:
    """Yield (module, name) of each class or function that a checkpoint names."""
    try:
        if not zipfile.is_zipfile(weights):
            with weights.open("rb") as file:
                for _ in range(_MOST_PICKLES):
                    yield from _globals(file)
            return
        with zipfile.ZipFile(weights) as archive:
            for name in archive.namelist():
                if name.endswith("data.pkl"):
                    yield from _globals(io.BytesIO(archive.read(name)))
    except Exception:  # a damaged file tells no more
        return


def _globals(stream: IO[bytes]) -> Iterator[tuple[str, str]]:
    texts: list[str] = []
    for operation, argument, _ in pickletools.genops(stream):
        if operation.name == "GLOBAL":
            module, _, name = str(argument).partition(" ")
            yield module, name
        elif operation.name == "STACK_GLOBAL" and len(texts) > 1:
            yield texts[-2], texts[-1]
        elif isinstance(argument, str):
            texts.append(argument)


def _missing(classes: set[tuple[str, str]]) -> Iterator[str]:
    """Yield the classes and packages that do not exist in this environment."""
    for module, name in classes:
        if module in _PYTHON_2:
            continue
        try:
            if importlib.util.find_spec(module.partition(".")[0]) is None:
                yield module
            elif module.startswith("ultralytics.nn") and not hasattr(importlib.import_module(module), name):
                yield f"{module}.{name}"
        except (ImportError, ValueError):
            yield f"{module}.{name}"
