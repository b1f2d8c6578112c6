"""The command that starts each server: the one a reader would type, with free ports and the chosen shape."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.paths import OWN_PYTHON, RIVALS, SERVING, WORK, python_of
from benchmarks.plan import Shape
from benchmarks.servers.artifacts import Artifacts
from benchmarks.servers.directories import emptied, java_home, short_directory
from benchmarks.servers.gateway import start_gateway, upstream
from benchmarks.servers.inferred import counter_file
from benchmarks.servers.processes import free_ports
from benchmarks.servers.server import Server
from ops.errors import OpsError

TORCHSERVE_PORTS = ("inference", "management", "metrics", "grpc_inference", "grpc_management")


class Launcher:
    """Starts servers on one set of artifacts. `own_shape` replaces this stack's own choice of workers and threads."""

    def __init__(self, artifacts: Artifacts, own_shape: Shape | None = None) -> None:
        self.artifacts = artifacts
        self.own_shape = own_shape

    def start(self, server: Server, shape: Shape) -> None:
        """Start the processes of the server; the caller waits for the first answer. Raises OpsError."""
        made = self.artifacts
        match server.name:
            case "stack":
                self._stack(server, made.store)
            case "stack_auto":
                self._stack(server, made.store, PRECISION="auto")
            case "stack_int8":
                self._stack(server, made.int8_store)
            case "fastapi_yolo":
                self._fastapi(server, shape)
            case "bentoml_yolo":
                self._bentoml(server, shape)
            case "torchserve_plain":
                self._torchserve(server, shape)
            case "litserve_openvino":
                self._litserve(server, shape, made.openvino)
            case "litserve_openvino_dynamic":
                self._litserve(server, shape, made.openvino_dynamic)
            case "litserve_openvino_f32":
                self._litserve(server, shape, made.openvino_dynamic, PRECISION="f32")
            case _:
                self._litserve(server, shape, made.weights)

    def _rival(self, server: Server, shape: Shape, port: int, argv: list[str], cwd: Path, **variables: str) -> None:
        server.ports["http"] = port
        counter = counter_file(server.name)
        counter.unlink(missing_ok=True)
        common = {"PYTHONPATH": str(RIVALS), "MODEL": str(self.artifacts.weights), "INFERRED_FILE": str(counter)}
        server.start("server", argv, cwd, {**common, **variables_of(shape), **variables})

    def _fastapi(self, server: Server, shape: Shape) -> None:
        (port,) = free_ports(1)
        argv = [
            *(str(python_of("fastapi_yolo")), "-m", "uvicorn", "app:app", "--host", "127.0.0.1", "--port", str(port)),
            *("--workers", str(shape.workers), "--no-access-log"),
        ]
        self._rival(server, shape, port, argv, RIVALS / "fastapi_yolo")

    def _litserve(self, server: Server, shape: Shape, model: Path, **variables: str) -> None:
        (port,) = free_ports(1)
        argv = [str(python_of("litserve_yolo")), "server.py"]
        variables |= {"MODEL": str(model), "PORT": str(port)}
        self._rival(server, shape, port, argv, RIVALS / "litserve_yolo", **variables)

    def _bentoml(self, server: Server, shape: Shape) -> None:
        (port,) = free_ports(1)
        argv = [
            *(str(python_of("bentoml_yolo")), "-m", "bentoml", "serve", "service:Yolo"),
            *("--host", "127.0.0.1", "--port", str(port)),
        ]
        variables = {"BENTOML_HOME": str(WORK / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}
        self._rival(server, shape, port, argv, RIVALS / "bentoml_yolo", **variables)

    def _torchserve(self, server: Server, shape: Shape) -> None:
        ports = dict(zip(TORCHSERVE_PORTS, free_ports(5), strict=True))
        directory = emptied(short_directory() / "plain")
        config = directory / "config.properties"
        config.write_text(
            (RIVALS / "torchserve_plain" / "config.properties").read_text()
            + "".join(
                f"{role}_port={port}\n" if role.startswith("grpc") else f"{role}_address=http://127.0.0.1:{port}\n"
                for role, port in ports.items()
            )
            + f"default_workers_per_model={shape.workers}\n"
        )
        argv = [
            *(str(python_of("torchserve_plain")), "-m", "ts.model_server", "--start", "--foreground", "--ncs"),
            *("--model-store", str(self.artifacts.plain_store), "--models", "plain=plain.mar"),
            *("--ts-config", str(config)),
        ]
        variables = {
            "JAVA_HOME": java_home(),
            "PATH": f"{java_home()}/bin:{python_of('torchserve_plain').parent}:{os.environ.get('PATH', '')}",
            "TMPDIR": str(directory),
            "LOG_LOCATION": str(directory),
            "METRICS_LOCATION": str(directory),
        }
        self._rival(server, shape, ports["inference"], argv, directory, **variables)

    def _stack(self, server: Server, store: Path | None, **variables: str) -> None:
        if store is None:
            raise OpsError("there is no int8 archive: name one or package one with --int8")
        server.ports = dict(zip((*TORCHSERVE_PORTS, "gateway"), free_ports(6), strict=True))
        if self.own_shape:
            variables |= variables_of(self.own_shape)
        variables |= {
            "JAVA_HOME": java_home(),
            "MODEL_STORE": str(store),
            "TORCHSERVE_RUN_DIR": str(short_directory() / server.name),
            **{f"{role.upper()}_PORT": str(port) for role, port in server.ports.items()},
        }
        server.start("torchserve", [str(OWN_PYTHON), "entrypoint.py"], SERVING, variables)
        start_gateway(server, server.ports["gateway"], upstream(server.ports["inference"], server.ports["management"]))


def variables_of(shape: Shape) -> dict[str, str]:
    """Return the variables that set workers and threads."""
    return {"WORKERS": str(shape.workers), "THREADS": str(shape.threads)}
