"""The user data that Terraform renders: cloud-init's own schema, and their first start with a firewall that records."""

from __future__ import annotations

import base64
import gzip
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.terraform import Terraform

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


def schema(folder: Path) -> dict[str, Any]:
    """Return cloud-init's schema, out of Debian's package, which is not installed: it would configure this machine."""
    if shutil.which("apt-get") is None:
        pytest.skip("cloud-init's schema is in its Debian package, and this machine has no apt-get")
    # As root, apt downloads as a user of its own, for whom pytest's folder is closed.
    argv = ["apt-get", "-o", "APT::Sandbox::User=root", "download", "cloud-init"]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"apt-get download cloud-init: {done.stderr.strip()}")
    (package,) = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "--extract", package, folder / "package"], check=True)
    (found,) = folder.glob("package/**/schema-cloud-config-v1.json")
    read: dict[str, Any] = json.loads(found.read_text())
    return read


def test_cloud_init_s_schema_accepts_the_user_data(user_data, tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft4Validator(schema(tmp_path))
    rendered = yaml.safe_load(user_data)
    assert [error.message for error in validator.iter_errors(rendered)] == []
    assert list(validator.iter_errors({**rendered, "runcmd": "a word"})), "the schema refuses what is wrong"


@pytest.mark.skipif(shutil.which("cloud-init") is None, reason="cloud-init is not installed")
def test_cloud_init_itself_accepts_the_user_data(user_data, tmp_path):
    (tmp_path / "user-data").write_text(user_data)
    argv = ["cloud-init", "schema", "--config-file", str(tmp_path / "user-data")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


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
