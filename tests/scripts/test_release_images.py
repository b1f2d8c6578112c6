"""The images of a release: what is built, from what, and what is refused before anything is pushed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from ops.registry.images import names
from tests.scripts.conftest import Checkout, FakeDocker
from tests.support import ROOT

BUILD = ("release_images.sh", "build", "1.4")


def commit(checkout: Checkout) -> str:
    """Make the checkout one of git; return the commit."""
    environment = {**checkout.environment, "GIT_CONFIG_GLOBAL": os.devnull}
    author = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")
    for command in (("init", "-q"), ("add", "-A"), (*author, "commit", "-q", "-m", "Release"), ("rev-parse", "HEAD")):
        done = subprocess.run(
            ["git", *command], cwd=checkout.root, env=environment, check=True, capture_output=True, text=True
        )
    return done.stdout.strip()


@pytest.fixture
def tools(docker: FakeDocker) -> Path:
    """oras, which finds nothing in the registry, syft and cosign."""
    for name in ("oras", "syft", "cosign"):
        path = docker.folder / name
        path.write_text(
            f"#!/bin/sh\necho {name} \"$@\" >>'{docker.folder}/tools'\necho 'Error: not found' >&2\nexit 1\n"
        )
        path.chmod(0o755)
    return docker.folder / "tools"


def image(version: str, revision: str) -> str:
    labels = {"org.opencontainers.image.version": version, "org.opencontainers.image.revision": revision}
    return json.dumps([{"Id": "sha256:" + "1" * 64, "Size": 1, "Config": {"Labels": labels}}])


def test_the_images_are_built_for_this_machine_from_the_commit(checkout: Checkout, docker: FakeDocker) -> None:
    seen = docker.folder / "seen"
    docker.answer("buildx", "bake", do=f"env >'{seen}'")
    revision = commit(checkout)
    docker.answer("image", "inspect", say=image("1.4", revision))
    done = checkout.run(*BUILD, BASE_IMAGE="debian:mine")
    assert done.returncode == 0, done.stderr
    (called,) = docker.called("buildx", "bake")
    assert called == ["buildx", "bake", "--file", "docker-bake.hcl", "--load", *names.NAMES]
    variables = dict(line.split("=", 1) for line in seen.read_text().splitlines() if "=" in line)
    expected = {"VERSION": "1.4", "REVISION": revision, "COMMIT_TAG": f"sha-{revision[:12]}", "PLATFORMS": ""}
    assert {name: variables[name] for name in expected} == expected
    assert variables["BASE_IMAGE"] == "debian:mine"


def test_what_is_in_no_commit_is_built_and_not_pushed(checkout: Checkout, docker: FakeDocker, tools: Path) -> None:
    revision = commit(checkout)
    (checkout.root / "new.txt").write_text("new")
    docker.answer("image", "inspect", complain="Error: No such image\n", exit=1)
    assert "changes that are in no commit" in checkout.run(*BUILD).stdout
    docker.answer("image", "inspect", say=image("1.4", f"{revision}-dirty"))
    done = checkout.run("release_images.sh", "push", "1.4", REGISTRY="ghcr.io/me")
    assert done.returncode == 1
    assert "Commit them and build again" in done.stderr
    assert docker.called("push") == []


@pytest.mark.parametrize(
    ("found", "fix"),
    [
        (None, "Build it: bash scripts/release_images.sh build 1.4"),
        (image("1.3", "0123456789abcdef"), "was not built by release_images.sh"),
        (image("1.4", ""), "was not built by release_images.sh"),
    ],
)
def test_another_image_than_that_of_the_version_is_not_pushed(
    checkout: Checkout, docker: FakeDocker, tools: Path, found: str | None, fix: str
) -> None:
    if found is None:
        docker.answer("image", "inspect", complain="Error: No such image\n", exit=1)
    else:
        docker.answer("image", "inspect", say=found)
    done = checkout.run("release_images.sh", "push", "1.4", "--registry", "ghcr.io/me")
    assert done.returncode == 1
    assert fix in done.stderr
    assert docker.called("push") == []


@pytest.mark.parametrize(
    ("chosen", "selected"),
    [((), "BIND=127.0.0.2\nIMAGE_TAG=1.4\nIMAGE_POLICY=never\n"), (("--image", "torchserve"), "BIND=127.0.0.2\n")],
)
def test_pulled_images_get_their_local_names_and_all_of_them_are_selected(
    checkout: Checkout, docker: FakeDocker, tools: Path, chosen: tuple[str, ...], selected: str
) -> None:
    digest = "sha256:" + "2" * 64
    (docker.folder / "oras").write_text(f"#!/bin/sh\necho {digest}\n")
    (checkout.root / ".env").write_text("BIND=127.0.0.2\n")
    docker.answer("image", "inspect", complain="Error: No such image\n", exit=1)
    docker.answer("image", "inspect", "ghcr.io/me/", say=image("1.4", "0123"))
    done = checkout.run("release_images.sh", "pull", "1.4", *chosen, REGISTRY="ghcr.io/me")
    assert done.returncode == 0, done.stderr
    named = [call[1:] for call in docker.called("tag")]
    wanted = [name for name in names.NAMES if not chosen or name in chosen]
    assert named == [[f"ghcr.io/me/{name}@{digest}", f"yolo-serving/{name}:1.4"] for name in wanted]
    assert (checkout.root / ".env").read_text() == selected


def test_an_image_of_that_version_that_is_another_one_is_kept(
    checkout: Checkout, docker: FakeDocker, tools: Path
) -> None:
    (docker.folder / "oras").write_text("#!/bin/sh\necho sha256:" + "2" * 64 + "\n")
    docker.answer("image", "inspect", say=image("1.4", "0123").replace("1" * 64, "3" * 64))
    docker.answer("image", "inspect", "ghcr.io/me/", say=image("1.4", "0123"))
    done = checkout.run("release_images.sh", "pull", "1.4", REGISTRY="ghcr.io/me")
    assert done.returncode == 1
    assert "is another image here than the released one" in done.stderr
    assert docker.called("tag") == []


def test_a_folder_that_is_no_git_checkout_is_named(checkout: Checkout, docker: FakeDocker) -> None:
    done = checkout.run(*BUILD, GIT_CEILING_DIRECTORIES="/")
    assert done.returncode == 1
    assert "is not a git checkout" in done.stderr
    assert docker.called("buildx") == []


@pytest.mark.parametrize(
    ("arguments", "code", "fix"),
    [
        (("push", "1.4"), 2, "no registry is set"),
        (("build", "1.4", "--no-sbom"), 2, "--no-sbom is for push"),
        (("build", "1.4", "--key", "cosign.key"), 2, "--key is for push and pull"),
        (("build", "sha-0123"), 2, "is the tag of a git commit"),
        (("pull", "1 4", "--registry", "ghcr.io/me"), 1, "cannot be a version"),
        (("pull", "1.4", "--registry", "ghcr.io/me", "--key", "no.pub"), 1, "there is no such file"),
    ],
)
def test_a_command_line_that_cannot_work_says_how_it_would(
    checkout: Checkout, tools: Path, arguments: tuple[str, ...], code: int, fix: str
) -> None:
    done = checkout.run("release_images.sh", *arguments)
    assert (done.returncode, fix in done.stderr) == (code, True), done.stderr


def test_the_definition_for_two_architectures_builds_what_compose_builds() -> None:
    """Its syntax is read by the real buildx in the compose ring."""
    bake = (ROOT / "docker-bake.hcl").read_text()
    assert 'default = "linux/amd64,linux/arm64"' in bake
    for file, name in (
        ("docker-compose.yml", "torchserve"),
        ("docker-compose.yml", "api-gateway"),
        ("deploy/compose/model-archiver.yml", "model-archiver"),
    ):
        build = yaml.safe_load((ROOT / file).read_text())["services"][name]["build"]
        target = bake.partition(f'target "{name}" {{')[2].partition("\n}")[0]
        assert f'"{build["dockerfile"]}"' in target
        assert ("target " in target) == ("target" in build)
        assert f'"{build.get("target", name)}"' in target
        for argument in build["args"]:
            assert f"{argument} = {argument}" in target
