"""How each server is started: the command a reader would type, with free ports and the chosen workers and threads."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.paths import GATEWAY, LOGS, OWN_PYTHON, RIVALS, SERVING, WORK, python_of
from benchmarks.plan import Shape
from benchmarks.servers.artifacts import Artifacts
from benchmarks.servers.directories import fresh, java_home, short_directory
from benchmarks.servers.processes import Tree, free_ports
from benchmarks.servers.variables import clean
from ops.errors import OpsError


@dataclass
class Running:
    """A started server: its ports by role, its process trees by part."""

    ports: dict[str, int]
    trees: dict[str, Tree]

    def stop(self) -> None:
        """Stop all parts, the outer one first."""
        for tree in reversed(list(self.trees.values())):
            tree.stop()

    def exited(self) -> int | None:
        """Return the exit code of a part that has ended, None while all run."""
        return next((code for tree in self.trees.values() if (code := tree.exited()) is not None), None)


class Servers:
    """Starts servers for one set of artifacts; whatever is started is in `running` until it is stopped."""

    def __init__(self, artifacts: Artifacts, own_shape: Shape | None = None) -> None:
        """`own_shape` is this stack's workers and threads where its own choice is not wanted."""
        self.artifacts = artifacts
        self.own_shape = own_shape
        self.running: list[Running] = []
        self._starters: dict[str, Callable[[Shape], Running]] = {
            "fastapi_yolo": self._fastapi,
            "litserve_yolo": lambda shape: self._litserve(shape, "litserve_yolo", artifacts.weights),
            "litserve_default": lambda shape: self._litserve(shape, "litserve_default", artifacts.weights),
            "litserve_openvino": lambda shape: self._litserve(shape, "litserve_openvino", artifacts.openvino),
            "litserve_openvino_dynamic": lambda shape: self._litserve(
                shape, "litserve_openvino_dynamic", artifacts.openvino_dynamic
            ),
            "litserve_openvino_f32": lambda shape: self._litserve(
                shape, "litserve_openvino_f32", artifacts.openvino_dynamic, {"PRECISION": "f32"}
            ),
            "bentoml_yolo": self._bentoml,
            "torchserve_plain": self._torchserve,
            "stack": lambda _: self._stack("stack", artifacts.store),
            "stack_auto": lambda _: self._stack("stack_auto", artifacts.store, {"PRECISION": "auto"}),
            "stack_int8": lambda _: self._stack("stack_int8", artifacts.int8_store),
        }

    def start(self, name: str, shape: Shape) -> Running:
        """Start a server and return at once; the caller waits for its first answer. Raises OpsError."""
        for log in LOGS.glob(f"{name}*.log"):
            log.unlink()
        running = self._starters[name](shape)
        self.running.append(running)
        return running

    def stop(self, running: Running) -> None:
        """Stop a server."""
        running.stop()
        if running in self.running:
            self.running.remove(running)

    def stop_all(self) -> None:
        """Stop whatever still runs."""
        for running in list(self.running):
            self.stop(running)

    def _one(self, name: str, argv: list[str], extra: dict[str, str], cwd: Path, port: int) -> Running:
        tree = Tree(WORK / f"{name}.pids")
        running = Running({"http": port}, {"server": tree})
        tree.spawn(argv, {**clean(), "PYTHONPATH": str(RIVALS), **extra}, cwd, LOGS / f"{name}.log")
        return running

    def _fastapi(self, shape: Shape) -> Running:
        (port,) = free_ports(1)
        argv = [
            *(str(python_of("fastapi_yolo")), "-m", "uvicorn", "app:app", "--host", "127.0.0.1", "--port", str(port)),
            *("--workers", str(shape.workers), "--no-access-log"),
        ]
        extra = {"MODEL": str(self.artifacts.weights), "THREADS": str(shape.threads)}
        return self._one("fastapi_yolo", argv, extra, RIVALS / "fastapi_yolo", port)

    def _litserve(self, shape: Shape, name: str, model: Path, more: dict[str, str] | None = None) -> Running:
        (port,) = free_ports(1)
        extra = {"MODEL": str(model), "THREADS": str(shape.threads), "WORKERS": str(shape.workers), "PORT": str(port)}
        extra |= more or {}
        return self._one(name, [str(python_of("litserve_yolo")), "server.py"], extra, RIVALS / "litserve_yolo", port)

    def _bentoml(self, shape: Shape) -> Running:
        (port,) = free_ports(1)
        argv = [
            *(str(python_of("bentoml_yolo")), "-m", "bentoml", "serve", "service:Yolo"),
            *("--host", "127.0.0.1", "--port", str(port)),
        ]
        extra = {
            "MODEL": str(self.artifacts.weights),
            "THREADS": str(shape.threads),
            "WORKERS": str(shape.workers),
            "BENTOML_HOME": str(WORK / "bentoml"),
            "BENTOML_DO_NOT_TRACK": "True",
        }
        return self._one("bentoml_yolo", argv, extra, RIVALS / "bentoml_yolo", port)

    def _torchserve(self, shape: Shape) -> Running:
        http, management, metrics, grpc, grpc_management = free_ports(5)
        directory = fresh(short_directory() / "plain")
        config = directory / "config.properties"
        config.write_text(
            (RIVALS / "torchserve_plain" / "config.properties").read_text()
            + f"inference_address=http://127.0.0.1:{http}\nmanagement_address=http://127.0.0.1:{management}\n"
            + f"metrics_address=http://127.0.0.1:{metrics}\ngrpc_inference_port={grpc}\n"
            + f"grpc_management_port={grpc_management}\ndefault_workers_per_model={shape.workers}\n"
        )
        argv = [
            *(str(python_of("torchserve_plain")), "-m", "ts.model_server", "--start", "--foreground", "--ncs"),
            *("--model-store", str(self.artifacts.plain_store), "--models", "plain=plain.mar"),
            *("--ts-config", str(config)),
        ]
        extra = {
            "THREADS": str(shape.threads),
            "JAVA_HOME": java_home(),
            "PATH": f"{java_home()}/bin:{python_of('torchserve_plain').parent}:{os.environ.get('PATH', '')}",
            "TMPDIR": str(directory),
            "LOG_LOCATION": str(directory),
            "METRICS_LOCATION": str(directory),
        }
        return self._one("torchserve_plain", argv, extra, directory, http)

    def _stack(self, name: str, store: Path | None, more: dict[str, str] | None = None) -> Running:
        if store is None:
            raise OpsError("there is no int8 archive to race")
        inference, management, metrics, grpc, grpc_management, gateway = free_ports(6)
        backend, front = Tree(WORK / f"{name}-torchserve.pids"), Tree(WORK / f"{name}-gateway.pids")
        ports = {"inference": inference, "management": management, "gateway": gateway}
        running = Running(ports, {"torchserve": backend, "gateway": front})
        environment = {
            **clean(),
            "JAVA_HOME": java_home(),
            "MODEL_STORE": str(store),
            "TORCHSERVE_RUN_DIR": str(short_directory() / name),
            "INFERENCE_PORT": str(inference),
            "MANAGEMENT_PORT": str(management),
            "METRICS_PORT": str(metrics),
            "GRPC_INFERENCE_PORT": str(grpc),
            "GRPC_MANAGEMENT_PORT": str(grpc_management),
            "TORCHSERVE_INFERENCE_URL": f"http://127.0.0.1:{inference}",
            "TORCHSERVE_MANAGEMENT_URL": f"http://127.0.0.1:{management}",
            "GATEWAY_PORT": str(gateway),
            **(more or {}),
        }
        if self.own_shape:
            environment |= {"WORKERS": str(self.own_shape.workers), "THREADS": str(self.own_shape.threads)}
        backend.spawn([str(OWN_PYTHON), "entrypoint.py"], environment, SERVING, LOGS / f"{name}-torchserve.log")
        front.spawn([str(OWN_PYTHON), "-m", "gateway"], environment, GATEWAY, LOGS / f"{name}-gateway.log")
        return running
