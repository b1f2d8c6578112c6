"""The Terraform module for any machine, applied over SSH to a real sshd: the real service, from nothing to destroy."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ops.system.settings import PORTS
from tests.native.checkout import Checkout
from tests.native.service import Service
from tests.support import clients, copy_tree, free_ports, small_models
from tests.support.deployment import PATIENT, QUICK, RELEASED_TO
from tests.support.endpoints import HTTP
from tests.support.ssh_server import SshServer, ssh_server
from tests.support.terraform import Terraform


@pytest.fixture
def machine(installed: Service, tmp_path: Path) -> Iterator[Checkout]:
    """A folder that has an environment and nothing else: installing a second one would take minutes."""
    root = tmp_path / "machine" / "yolo serving"
    root.mkdir(parents=True)
    (root / ".venv").symlink_to(installed.root / ".venv")
    found = Checkout(root, installed.checkout.env, dict(zip(PORTS, free_ports(len(PORTS)), strict=True)))
    try:
        yield found
    finally:
        if (root / "scripts/down.sh").exists():
            found.run("scripts/down.sh")


@pytest.fixture
def server(installed: Service, tmp_path: Path) -> Iterator[SshServer]:
    """An sshd whose sessions find the programs that the checkout finds."""
    (tmp_path / "ssh").mkdir()
    with ssh_server(tmp_path / "ssh", kind="ecdsa", path=installed.checkout.env["PATH"]) as found:
        yield found


def ask(machine: Checkout, street: Path) -> httpx.Response:
    """Send the sample picture to the machine's gateway."""
    return HTTP.post(f"{machine.gateway}/predict", params=QUICK, files={"file": street.read_bytes()})


def test_apply_brings_the_service_up_and_new_weights_live_and_destroy_stops_it(installed, tmp_path, request):
    terraform = Terraform("ssh", tmp_path / "modules")  # skips where there is no terraform
    machine: Checkout = request.getfixturevalue("machine")
    server: SshServer = request.getfixturevalue("server")
    with tarfile.open(tmp_path / "source.tar.gz", "w:gz", compresslevel=1) as archive:
        archive.add(copy_tree(tmp_path / "source", without=("tests/", "benchmarks/")), ".")
    weights = small_models.save("yolov8n.yaml", tmp_path / "weights.pt", installed.root / "samples")
    terraform.set(
        host="127.0.0.1",
        port=server.port,
        user=server.user,
        host_key=server.host_key,
        private_key_path=str(server.private_key),
        folder=str(machine.root),
        source_archive=str(tmp_path / "source.tar.gz"),
        weights=str(weights),
        settings={**RELEASED_TO, **PATIENT, **{name: str(port) for name, port in machine.ports.items()}},
    )

    print(printed := terraform.apply())
    assert "Python environment: already there" in printed
    outputs = terraform.outputs()
    assert outputs["url"] == machine.gateway
    assert HTTP.get(outputs["health"]).status_code == 200
    answer = ask(machine, installed.street)
    assert answer.status_code == 200, answer.text
    assert answer.json()["detections"]
    assert not terraform.changes()

    small_models.save("yolo11n.yaml", weights, installed.root / "samples")
    with clients(2, lambda: ask(machine, installed.street)) as load:
        load.fresh(2)
        print(terraform.apply())
        assert load.fresh_versions() == {"1.1"}
    assert (load.statuses, load.versions) == ({200}, {"1.0", "1.1"})
    assert not terraform.changes()

    print(terraform.must("destroy", "-auto-approve", "-input=false"))
    assert machine.processes("") == []
    assert (machine.root / "models/weights/best.pt").read_bytes() == weights.read_bytes()
    assert (machine.root / "serving/torchserve/model-store/yolo-1.0.mar").exists()
