"""What the contestants serve, all made from the same weights: archives, Ultralytics' exports, the reference boxes.

Made once per weights and code, under `.venvs/work/`; an interrupted run leaves nothing half made (a folder gets its
name when it is complete).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contestants import pictures as choice
from benchmarks.paths import OWN_PYTHON, RIVALS, ROOT, SERVING, WORK, python_of
from benchmarks.servers.variables import clean
from ops.errors import OpsError
from ops.store.archive import sha256
from ops.terminal.console import step


@dataclass(frozen=True)
class Artifacts:
    """Everything made from one weights file. `store` and `int8_store` hold a yolo.mar; int8 is None when not raced."""

    weights: Path
    digest: str
    openvino: Path
    openvino_dynamic: Path
    plain_store: Path
    store: Path
    unpacked: Path
    int8_store: Path | None = None


def run(argv: list[str], title: str, environment: dict[str, str] | None = None, cwd: Path = ROOT) -> str:
    """Run a command quietly; return its standard output. Raises OpsError with the end of what it said."""
    with step(title):
        done = subprocess.run(argv, env=environment or clean(), cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OpsError(f"{title} failed:\n{(done.stderr or done.stdout).strip()[-1500:]}")
    return done.stdout


def once(target: Path, make: Callable[[Path], None]) -> Path:
    """Return the folder `target`, made by `make` in a scratch folder beside it when it is not there."""
    if not target.is_dir():
        scratch = target.with_name(f".{target.name}.part")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        make(scratch)
        scratch.rename(target)
    return target


def code_digest() -> str:
    """Return a short digest of the code that an archive of ours holds or is made by."""
    whole = hashlib.sha256()
    for path in sorted([*SERVING.glob("*.py"), *SERVING.glob("yolo/**/*.py"), *(ROOT / "ops").glob("*.py")]):
        whole.update(path.read_bytes())
    return whole.hexdigest()[:12]


def export(weights: Path, folder: Path, *options: str) -> Path:
    """Export the weights with ultralytics; return the folder that `YOLO(…)` loads."""

    def make(scratch: Path) -> None:
        shutil.copyfile(weights, scratch / "best.pt")
        argv = [str(python_of("base")), str(RIVALS / "export.py"), str(scratch / "best.pt"), *options]
        run(argv, f"exporting with ultralytics ({' '.join(options) or 'its defaults'})", clean(), scratch)

    return once(folder, make) / "best_openvino_model"


def plain_archive(weights: Path, folder: Path) -> Path:
    """Make the archive of the plain TorchServe rival; return its store."""

    def make(scratch: Path) -> None:
        shutil.copyfile(weights, scratch / "best.pt")
        argv = [
            *(str(OWN_PYTHON), "-m", "model_archiver.model_packaging", "--model-name", "plain", "--version", "1.0"),
            *("--handler", str(RIVALS / "torchserve_plain" / "handler.py"), "--export-path", str(scratch)),
            *("--serialized-file", str(scratch / "best.pt"), "--extra-files", str(RIVALS / "predictor.py")),
        ]
        run(argv, "archiving for the plain TorchServe handler", {**clean(), "TMPDIR": str(scratch)})

    return once(folder, make)


def own_archive(weights: Path, folder: Path, *options: str) -> Path:
    """Package the weights as this project does; return the store."""

    def make(scratch: Path) -> None:
        argv = [str(OWN_PYTHON), "-m", "ops", "package", "--weights", str(weights), "--store", str(scratch), *options]
        run(argv, f"packaging yolo.mar {' '.join(options)}".strip())

    return once(folder, make)


def int8_archive(given: str, weights: Path, folder: Path, pictures: list[Path]) -> Path:
    """Return a store with an int8 archive: the file given, or one packaged now ("auto"). Raises OpsError."""
    if given != "auto":
        if not zipfile.is_zipfile(given):
            raise OpsError(f"--int8 {given}: no archive. Name a .mar made with int8, or leave the name out")
        return once(folder.with_name(f"int8-{sha256(Path(given))[:12]}"), lambda to: copy_to(Path(given), to))
    # What quantising needs is installed on request only, as package_mar.sh does it.
    run([str(OWN_PYTHON), "-m", "ops.setup.environment", "--int8"], "installing what int8 needs")
    return own_archive(weights, folder, "--int8", "--calibration", str(pictures[0].parent), "--force")


def copy_to(archive: Path, folder: Path) -> None:
    """Put an archive into a store as the current one."""
    shutil.copyfile(archive, folder / "yolo.mar")


def unpack(store: Path, folder: Path) -> Path:
    """Unpack yolo.mar for the ceiling, which serves from a folder."""

    def make(scratch: Path) -> None:
        with zipfile.ZipFile(store / "yolo.mar") as mar:
            mar.extractall(scratch)

    return once(folder, make)


def make_all(weights: Path, pictures: list[Path], int8: str | None) -> Artifacts:
    """Make what is missing. Raises OpsError."""
    digest = sha256(weights)
    root = WORK / digest[:12]
    own = code_digest()
    store = own_archive(weights, root / f"store-{own}")
    return Artifacts(
        weights=weights,
        digest=digest,
        openvino=export(weights, root / "openvino"),
        openvino_dynamic=export(weights, root / "openvino-dynamic", "dynamic"),
        plain_store=plain_archive(weights, root / f"plain-{rivals_digest()}"),
        store=store,
        unpacked=unpack(store, root / f"unpacked-{own}"),
        int8_store=int8_archive(int8, weights, root / f"int8-{own}-{choice.digest(pictures)}", pictures)
        if int8
        else None,
    )


def rivals_digest() -> str:
    """Return a short digest of what the plain TorchServe archive holds."""
    paths = [RIVALS / "predictor.py", RIVALS / "torchserve_plain" / "handler.py"]
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:12]


def reference(weights: Path, digest: str, pictures: list[Path]) -> list[list[dict]]:
    """Return the boxes that Ultralytics' own predict finds in each picture; remembered per weights and pictures."""
    path = WORK / digest[:12] / f"reference-{choice.digest(pictures)}.json"
    if not path.is_file():
        environment = {**clean(), "MODEL": str(weights), "THREADS": str(os.cpu_count() or 1), "PYTHONPATH": str(RIVALS)}
        argv = [str(python_of("fastapi_yolo")), str(RIVALS / "reference.py"), *map(str, pictures)]
        said = run(argv, "reference boxes: ultralytics' predict on the .pt", environment)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        partial.write_text(said.strip().splitlines()[-1])
        partial.replace(path)
    return json.loads(path.read_text())
