"""The address of a registry, and what is in it."""

from __future__ import annotations

import pytest

from ops.errors import OpsError, UsageError
from ops.registry import reference
from ops.registry.images.source import web_address


@pytest.mark.parametrize(
    ("address", "host", "is_loopback"),
    [
        ("ghcr.io/me/yolo", "ghcr.io", False),
        ("docker.io/me", "docker.io", False),
        ("registry.lan:5000", "registry.lan:5000", False),
        ("10.0.0.7:5000/yolo/", "10.0.0.7:5000", False),
        ("localhost:5000/yolo", "localhost:5000", True),
        ("localhost/yolo", "localhost", True),
        ("127.0.0.1:5000/me", "127.0.0.1:5000", True),
        ("[::1]:5000/me", "[::1]:5000", True),
        ("localhost.example.com/me", "localhost.example.com", False),
    ],
)
def test_plain_http_is_for_loopback_only(address: str, host: str, is_loopback: bool) -> None:
    registry = reference.parse(address)
    assert (registry.host, registry.is_loopback) == (host, is_loopback)
    repository = registry.of_model("helmets")
    assert (repository.tagged("1.0"), repository.plain_http) == (
        f"{address.rstrip('/')}/model-helmets:1.0",
        is_loopback,
    )


@pytest.mark.parametrize(
    ("address", "fix"),
    [
        ("", "REGISTRY=ghcr.io/me/yolo"),
        ("https://ghcr.io/me", "leave the scheme out"),
        ("me/yolo", "REGISTRY=docker.io/me"),
        ("ghcr.io/Me/Yolo", "lower case"),
        ("ghcr.io/me/yolo:1.0", "is not a registry"),
        ("ghcr.io/me yolo", "is not a registry"),
    ],
)
def test_an_address_that_is_none_is_refused_with_the_fix(address: str, fix: str) -> None:
    with pytest.raises(UsageError, match=fix):
        reference.parse(address)


def test_a_model_whose_name_no_repository_can_have_is_refused() -> None:
    with pytest.raises(OpsError, match="the model Helmets cannot have a repository"):
        reference.parse("ghcr.io/me").of_model("Helmets")


def test_tags_of_signatures_and_commits_are_no_versions() -> None:
    digest = "sha256-" + "0a" * 32
    assert reference.versions(["1.0", digest, f"{digest}.sig", "sha-0123456789ab", "1.1"]) == ["1.0", "1.1"]


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("git@github.com:me/yolo.git", "https://github.com/me/yolo"),
        ("ssh://git@github.com/me/yolo.git", "https://github.com/me/yolo"),
        ("https://me:secret@github.com/me/yolo.git", "https://github.com/me/yolo"),
        ("/srv/git/yolo.git", ""),
        ("", ""),
    ],
)
def test_the_source_label_is_an_address_without_credentials(remote: str, url: str) -> None:
    assert web_address(remote) == url
