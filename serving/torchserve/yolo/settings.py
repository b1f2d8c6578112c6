"""The worker's settings, read once from the environment."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from yolo import cpus, variables
from yolo.variables import variable


@dataclass(frozen=True, slots=True)
class Settings:
    """Typed settings of one worker; the field `max_image_pixels` is the variable MAX_IMAGE_PIXELS, and so on."""

    # The gateway's settings explain these three as well, and have the same defaults and bounds.
    max_image_pixels: int = variable(64_000_000, low=1, high=178_956_970)
    max_decode_bytes: int = variable(536_870_912, low=1_048_576, high=17_179_869_184)
    log_level: str = variable("INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    workers: int | None = variable(
        None,
        "Number of worker processes. Empty: computed from the CPUs that may be used. With two or more CPUs there are "
        "at least two workers, so that one infers while the other decodes "
        "(1 CPU: 1 worker with 1 thread; 2: 2 with 2; 4: 2 with 4; 8: 2 with 4; 10: 2 with 5; 12: 3 with 4).",
        low=1,
    )
    threads: int | None = variable(
        None,
        "Inference threads per worker. Empty: all CPUs up to 4, or 5 where 4 would leave some idle.",
        low=1,
    )
    engine: str = variable(
        "auto",
        "Inference engine. `auto`: OpenVINO on a CPU, torch on a GPU.",
        choices=("auto", "openvino", "torch"),
    )
    precision: str = variable(
        "f32",
        "`f32`: the boxes and confidences of Ultralytics itself. `auto`: the precision that OpenVINO chooses for the "
        "processor, on recent ones bf16: faster, with confidences that differ by a few hundredths and boxes that "
        "differ by a few pixels.",
        choices=("f32", "auto"),
    )
    fast_decode: bool = variable(
        False,
        "Decode JPEGs much larger than the network's input at 1/2, 1/4 or 1/8 of their size. Faster; boxes move "
        "slightly.",
    )
    # The packager's setting explains this one as well.
    trust_weights: bool = variable(False)
    model_cache_dir: str = variable(
        "", "Folder for compiled models, kept for the next start. Empty: one in the temporary directory."
    )

    @property
    def plan(self) -> cpus.Plan:
        """The workers and threads, with those that are not set computed from the CPUs."""
        return cpus.plan(self.workers, self.threads)

    def model_cache(self) -> Path | None:
        """Return the folder for compiled models, made if necessary; None if no folder can be written or trusted.

        The engine trusts the files in it, so a folder of another user in the shared temporary directory is not used.
        """
        user = os.getuid() if hasattr(os, "getuid") else 0
        chosen = self.model_cache_dir
        folder = Path(chosen) if chosen else Path(tempfile.gettempdir()) / f"yolo-model-cache-{user}"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = folder.lstat()
        except OSError:
            return None
        trusted = bool(chosen) or (stat.S_ISDIR(found.st_mode) and found.st_uid == user)
        return folder if trusted and os.access(folder, os.W_OK | os.X_OK) else None


def read(environ: Mapping[str, str]) -> Settings:
    """Read the worker's variables; an empty one means the default. Raises ArchiveError naming a wrong one."""
    return variables.read(Settings, environ)
