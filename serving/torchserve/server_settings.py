"""TorchServe's own settings. `yolo/settings.py` has those of its workers."""

from __future__ import annotations

from dataclasses import dataclass

from yolo.variables import variable


@dataclass(frozen=True)
class ServerSettings:
    """Limits and options of the server; the field `batch_size` is the variable BATCH_SIZE, and so on."""

    # The gateway's settings explain this one as well, and have the same default and bounds.
    max_body_bytes: int = variable(20_971_520, low=1024, high=2**30)
    batch_size: int = variable(1, "Maximum number of images per inference.", low=1, high=256)
    max_batch_delay_ms: int = variable(
        5, "How long the first image of a batch waits for others, in milliseconds.", low=1, high=10_000
    )
    response_timeout_s: int = variable(
        60, "Seconds that a worker may take for one answer, before it is restarted.", low=1, high=3600
    )
    startup_timeout_s: int = variable(
        120, "Seconds that a worker may take to load the model, before it is restarted.", low=1, high=3600
    )
    job_queue_size: int = variable(
        100, "Maximum number of requests waiting for a worker. More: 503.", low=1, high=100_000
    )
    handler_from: str = variable(
        "archive",
        "Which handler the workers run: `archive`, the one packaged with the weights, or `image`, the server's own.",
        choices=("archive", "image"),
    )
    java_opts: str = variable("", "Additional options for Java, such as `-Xmx512m`.")


@dataclass(frozen=True)
class Placement:
    """Addresses and folders, which Compose and the scripts set. `ops/system/variables.py` explains those for people."""

    torchserve_host: str = variable("127.0.0.1")
    # The gateway's setting explains this one as well.
    allowed_hosts: str = variable("")
    inference_port: int = variable(8085, low=1, high=65535)
    management_port: int = variable(8086, low=1, high=65535)
    metrics_port: int = variable(8087, low=1, high=65535)
    grpc_inference_port: int = variable(7070, low=1, high=65535)
    grpc_management_port: int = variable(7071, low=1, high=65535)
    model_store: str = variable("")
    models_file: str = variable("")
    torchserve_run_dir: str = variable("")
