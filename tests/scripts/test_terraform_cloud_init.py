"""The user data that Terraform renders: cloud-init's own check, and their first start with a firewall that records."""

from __future__ import annotations

import base64
import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.compose import host, packages
from tests.support import cannot_run
from tests.support.terraform import Terraform

RELEASE = "bookworm"
#: cloud-init, and what it imports that the tests' environment does not have.
PACKAGES = (
    "cloud-init", "python3-configobj", "python3-json-pointer", "python3-jsonpatch", "python3-oauthlib", "python3-six",
)  # fmt: skip
KEY = '{"name": "phone", "sha256": "00"}'
RECORDING = '#!/bin/bash\necho "$(basename "$0") $*" >>"$CALLS"\n'
#: Fails at the first call, as where a registry does not answer yet.
SLOW_UP = RECORDING + '(( $(grep -c "^up.sh" "$CALLS") > 1 ))\n'


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    return Terraform("cloud-init", tmp_path_factory.mktemp("cloud-init") / "modules")


@pytest.fixture(scope="module")
def user_data(terraform: Terraform) -> str:
    terraform.set(
        domain="vision.example.org",
        repository="https://git.example.org/vision/yolo-serving.git",
        revision="v1.2.0",
        api_keys=f"{KEY}\n",
        settings={"RATE_LIMIT": "60/minute"},
        ssh_from=["203.0.113.0/24"],
        ssh_authorized_keys=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3gFJwQbYl0rR2S7Q0bF2Wc5cQ7h7xq0v6u3o1m2n4p me"],
    )
    assert KEY not in terraform.apply()
    return str(terraform.outputs()["user_data"])


def test_what_the_module_renders_and_refuses(terraform):
    terraform.must("validate")
    assert "0 failed" in terraform.must("test")


@pytest.fixture(scope="module")
def cloud_init(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Debian's cloud-init and what it imports, unpacked: once installed it would configure this machine."""
    codename = host.codename()
    archive = host.main_source(codename) if codename else None
    if archive is None or shutil.which("apt-get") is None:
        cannot_run("cloud-init comes from Debian's packages, and this machine has no source of them")
    folder = tmp_path_factory.mktemp("packages")
    apt = packages.private_apt(folder / "apt", archive.line(RELEASE))
    try:
        packages.run([*apt, "update"])
        packages.run([*apt, "download", *PACKAGES], cwd=folder)
    except RuntimeError as error:
        cannot_run(f"cloud-init cannot be downloaded: {error}")
    for package in folder.glob("*.deb"):
        packages.run(["dpkg-deb", "--extract", str(package), str(folder / "root")])
    return folder / "root/usr/lib/python3/dist-packages"


def test_cloud_init_accepts_the_user_data_and_refuses_what_is_wrong(user_data, cloud_init, tmp_path):
    def check(text: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "user-data").write_text(text)
        argv = [sys.executable, "-m", "cloudinit.cmd.main", "schema", "--config-file", str(tmp_path / "user-data")]
        environment = {**os.environ, "PYTHONPATH": str(cloud_init)}
        return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)

    accepted = check(user_data)
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
    refused = check(user_data + "\npackage_reboot_if_required: 7\n")
    assert refused.returncode == 1
    assert "package_reboot_if_required" in refused.stdout + refused.stderr


def test_the_first_start_closes_the_firewall_and_tries_again(user_data, tmp_path):
    staging, bin_, folder, calls = (tmp_path / name for name in ("staging", "bin", "service", "calls"))
    staging.mkdir()
    for file in yaml.safe_load(user_data)["write_files"]:
        content = gzip.decompress(base64.b64decode(file["content"]))
        (staging / Path(file["path"]).name).write_bytes(content)
    bin_.mkdir()
    for name in ("ufw", "chown"):
        (bin_ / name).write_text(RECORDING)
        (bin_ / name).chmod(0o755)
    origin = tmp_path / "origin"
    (origin / "scripts").mkdir(parents=True)
    (origin / "scripts/up.sh").write_text(SLOW_UP)
    git = ["git", "-C", str(origin), "-c", "user.name=t", "-c", "user.email=t@localhost"]
    for words in (["init", "--quiet", "-b", "main"], ["add", "."], ["commit", "--quiet", "-m", "c"], ["tag", "v1"]):
        subprocess.run([*git, *words], check=True)

    argv = ["bash", str(staging / "first_start.sh"), str(folder), f"file://{origin}", "v1", "203.0.113.0/24"]
    # cloud-init sets no HOME.
    environment = {"PATH": f"{bin_}:{os.environ['PATH']}", "CALLS": str(calls), "RETRY_S": "0"}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert calls.read_text().splitlines() == [
        "ufw default deny incoming",
        "ufw allow proto tcp from 203.0.113.0/24 to any port 22",
        "ufw allow 80/tcp",
        "ufw allow 443/tcp",
        "ufw allow 443/udp",
        "ufw --force enable",
        f"chown 10001:10001 {staging}/api_keys.jsonl",
        "up.sh --docker",
        "up.sh --docker",
    ]
    assert (folder / "secrets/api_keys.jsonl").read_text() == f"{KEY}\n"
    assert "COMPOSE_PROFILES='edge'\nDOMAIN='vision.example.org'\n" in (folder / ".env").read_text()
