"""The models that the servers load, all made from the same weights: archives, Ultralytics' exports, reference boxes.

They are made once per weights and code, under `.venvs/work/`. A folder gets its final name when it is complete.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.paths import COMMON, OWN_PYTHON, RIVALS, ROOT, SERVING, WEIGHTS, WORK, digest, python_of
from benchmarks.servers.variables import base_variables
from ops.errors import OpsError
from ops.store.archive import sha256
from ops.system.files import atomic
from ops.terminal.console import progress


@dataclass(frozen=True)
class Artifacts:
    """Everything made from one weights file. `store` and `int8_store` hold a yolo.mar; `int8_store` is optional."""

    weights: Path
    sha256: str
    openvino: Path
    openvino_dynamic: Path
    plain_store: Path
    store: Path
    unpacked: Path
    int8_store: Path | None = None

    @property
    def folder(self) -> Path:
        """Where everything that depends on the weights is kept."""
        return folder_of(self.sha256)


def folder_of(weights_sha256: str) -> Path:
    """Return the folder of the artifacts of one weights file."""
    return WORK / weights_sha256[:12]


def find_weights(named: Path | None) -> Path:
    """Return the weights to race with, obtained as by up.sh when they are missing. Raises OpsError."""
    # Obtaining them prints its own progress and errors.
    code = "from ops.setup import prepare, weights; prepare.copy_samples(); " + ("" if named else "weights.obtain()")
    if subprocess.run([OWN_PYTHON, "-c", code], cwd=ROOT, check=False).returncode:
        raise OpsError("weights or sample images are missing (see above)")
    weights = (named or WEIGHTS).resolve()
    if not weights.is_file():
        raise OpsError(f"{weights} does not exist. Name another file: --weights FILE")
    return weights


def make_all(weights: Path, images: list[Path], int8: str | None) -> Artifacts:
    """Make the missing artifacts. `int8` is an archive's path or "auto". Raises OpsError."""
    weights_sha256 = sha256(weights)
    folder = folder_of(weights_sha256)
    packages = (SERVING / "yolo", COMMON, ROOT / "ops")
    own = digest(sorted([*SERVING.glob("*.py"), *(path for package in packages for path in package.rglob("*.py"))]))
    plain = digest([RIVALS / "predictor.py", RIVALS / "torchserve_plain" / "handler.py"])
    store = own_archive(weights, folder / f"store-{own}")
    return Artifacts(
        weights=weights,
        sha256=weights_sha256,
        openvino=export(weights, folder / "openvino"),
        openvino_dynamic=export(weights, folder / "openvino-dynamic", "dynamic"),
        plain_store=plain_archive(weights, folder / f"plain-{plain}"),
        store=store,
        unpacked=once(folder / f"unpacked-{own}", lambda target: unpack(store / "yolo.mar", target)),
        int8_store=int8_archive(int8, weights, folder / f"int8-{own}-{digest(images)}", images) if int8 else None,
    )


def reference_boxes(artifacts: Artifacts, images: list[Path]) -> list[list[dict]]:
    """Return the boxes that Ultralytics' predict finds in each image; kept per weights and images."""
    path = artifacts.folder / f"reference-{digest(images)}.json"
    if not path.is_file():
        variables = {"MODEL": str(artifacts.weights), "THREADS": str(os.cpu_count() or 1), "PYTHONPATH": str(RIVALS)}
        argv = [str(python_of("fastapi_yolo")), str(RIVALS / "reference.py"), *map(str, images)]
        output = run(argv, "reference boxes: Ultralytics' predict on the .pt", variables)
        with atomic(path) as partial:
            partial.write_text(output.strip().splitlines()[-1])
    return json.loads(path.read_text())


def run(argv: list[str], title: str, variables: dict[str, str] | None = None, cwd: Path = ROOT) -> str:
    """Run a command and return its standard output. Raises OpsError with the end of its output."""
    env = {**base_variables(), **(variables or {})}
    with progress(title):
        done = subprocess.run(argv, env=env, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OpsError(f"{title} failed:\n{(done.stderr or done.stdout).strip()[-1500:]}")
    return done.stdout


def once(target: Path, make: Callable[[Path], object]) -> Path:
    """Return the folder `target`. If it is missing, `make` fills a temporary folder, which is then renamed."""
    if not target.is_dir():
        partial = target.with_name(f".{target.name}.part")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        make(partial)
        partial.rename(target)
    return target


def export(weights: Path, folder: Path, *options: str) -> Path:
    """Export the weights with Ultralytics; return the folder that `YOLO(…)` loads."""

    def make(target: Path) -> None:
        shutil.copyfile(weights, target / "best.pt")
        argv = [str(python_of("base")), str(RIVALS / "export.py"), str(target / "best.pt"), *options]
        run(argv, f"exporting with Ultralytics ({' '.join(options) or 'its defaults'})", cwd=target)

    return once(folder, make) / "best_openvino_model"


def plain_archive(weights: Path, folder: Path) -> Path:
    """Make the archive of the plain TorchServe rival; return its store."""

    def make(target: Path) -> None:
        shutil.copyfile(weights, target / "best.pt")
        argv = [
            *(str(OWN_PYTHON), "-m", "model_archiver.model_packaging", "--model-name", "plain", "--version", "1.0"),
            *("--handler", str(RIVALS / "torchserve_plain" / "handler.py"), "--export-path", str(target)),
            *("--serialized-file", str(target / "best.pt"), "--extra-files", str(RIVALS / "predictor.py")),
        ]
        run(argv, "archiving for the plain TorchServe handler", {"TMPDIR": str(target)})

    return once(folder, make)


def own_archive(weights: Path, folder: Path, *options: str) -> Path:
    """Package the weights with this project's packager; return the store."""
    argv = [str(OWN_PYTHON), "-m", "ops", "package", "--weights", str(weights), *options]
    title = f"packaging yolo.mar {' '.join(options)}".strip()
    return once(folder, lambda target: run([*argv, "--store", str(target)], title))


def with_other_model(artifacts: Artifacts, name: str) -> Artifacts:
    """Return the artifacts with another store, in which the same weights are a second model as well."""

    def make(target: Path) -> None:
        shutil.copytree(artifacts.store, target, dirs_exist_ok=True)
        weights = Path(shutil.copyfile(artifacts.weights, target / f"{name}.pt"))  # a new model has the file's name
        argv = [str(OWN_PYTHON), "-m", "ops", "package", "--weights", str(weights), "--model", name]
        run([*argv, "--store", str(target)], f"packaging {name}.mar")
        weights.unlink()

    store = artifacts.store
    return replace(artifacts, store=once(store.with_name(f"{name}-{store.name}"), make))


def int8_archive(named: str, weights: Path, folder: Path, images: list[Path]) -> Path:
    """Return a store with an int8 archive: the named file, or one packaged now ("auto"). Raises OpsError."""
    if named != "auto":
        if not zipfile.is_zipfile(named):
            raise OpsError(f"--int8 {named}: not an archive. Name a .mar made with int8, or omit the name")
        store = folder.with_name(f"int8-{sha256(Path(named))[:12]}")
        return once(store, lambda target: shutil.copyfile(named, target / "yolo.mar"))
    # The quantizer is installed only on request, as by package_mar.sh.
    run([str(OWN_PYTHON), "-m", "ops.setup.environment", "--int8"], "installing the int8 requirements")
    return own_archive(weights, folder, "--int8", "--calibration", str(images[0].parent), "--force")


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive for the ceiling, which serves from a folder."""
    with zipfile.ZipFile(archive) as mar:
        mar.extractall(folder)
