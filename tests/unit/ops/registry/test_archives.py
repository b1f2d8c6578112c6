"""Archives in a real registry: pushed, signed, pulled elsewhere; and all that is refused."""

from __future__ import annotations

import dataclasses
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from detection_profile import Profile
from ops.errors import LockedError, NoSuchVersionError, OpsError
from ops.paths import ROOT
from ops.registry import oras, pull, push, reference
from ops.registry.options import Options
from ops.store import archive, audit, baseline, inventory
from ops.terminal.exit import run_command
from tests.support.archives import left_over
from tests.support.registry import RegistryServer, key_pair
from tests.support.waiting import wait_until
from tests.unit.ops.fake_server import make_current, write_archive


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The store of the machine that releases: 1.0 with a baseline."""
    store = tmp_path / "here"
    write_archive(store, "1.0", padding=50_000)
    profile = Profile()
    profile.add([("person", 0.9)], 1000)
    baseline.write(store, "1.0", profile)
    return store


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """The store of another machine, which is empty."""
    store = tmp_path / "there"
    store.mkdir()
    return store


def archive_digest(store: Path, version: str = "1.0") -> str:
    return f"sha256:{archive.sha256(store / f'yolo-{version}.mar')}"


def pushed(options: Options) -> str:
    """The digest of 1.0 in the registry."""
    return oras.require(options.registry.of_model("yolo"), "1.0")


def test_a_signed_version_is_pulled_into_an_empty_store_as_the_current_one(
    here: Path, there: Path, options: Options, keys: tuple[Path, Path], registry: RegistryServer
) -> None:
    private, public = (dataclasses.replace(options, key=str(key)) for key in keys)
    push.push(here, "1.0", private)
    digest = pushed(options)
    pull.pull(there, "1.0", public, digest)
    assert archive_digest(there) == archive_digest(here)
    state, noticed = inventory.look(there)
    assert (state.current, noticed) == ("1.0", [])
    assert baseline.read(there, "1.0") == baseline.read(here, "1.0")
    assert left_over(there) == set()
    trail = [(line["action"], line["to"], line["detail"].partition("@")[2]) for line in audit.entries(there)]
    assert trail == [("pull", "1.0", digest)]
    said = oras.manifest(options.registry.of_model("yolo"), digest)
    assert said["artifactType"] == "application/vnd.yolo-serving.release.v1"
    assert said["annotations"]["yolo-serving.task"] == "detect"
    assert [layer["annotations"]["org.opencontainers.image.title"] for layer in said["layers"]] == [
        "yolo-1.0.mar",
        "yolo.json",
        "yolo-1.0.mar.sha256",
        "baseline.json",
    ]

    # Again: nothing happens twice, whatever else is served by then.
    write_archive(there, "2.0", b"other")
    make_current(there, "2.0")
    push.push(here, "1.0", private)
    pull.pull(there, "1.0", public)
    assert pushed(options) == digest
    assert inventory.look(there)[0].current == "2.0"


def test_a_version_of_another_model_is_kept_and_not_served(here: Path, there: Path, options: Options) -> None:
    write_archive(here / "models.d/helmets", "1.0")
    push.push(here / "models.d/helmets", "1.0", options)
    pull.pull(there / "models.d/helmets", "1.0", options)
    assert (there / "helmets-1.0.mar").is_file()
    assert not (there / "helmets.mar").exists()


def test_a_missing_signature_and_another_key_are_refused(
    here: Path, there: Path, options: Options, keys: tuple[Path, Path], registry: RegistryServer, tmp_path: Path
) -> None:
    public = dataclasses.replace(options, key=str(keys[1]))
    push.push(here, "1.0", options)
    with pytest.raises(NoSuchVersionError, match="is not signed, and a public key is set"):
        pull.pull(there, "1.0", public)
    strangers, _ = key_pair(registry, tmp_path / "stranger")
    push.push(here, "1.0", dataclasses.replace(options, key=str(strangers)))
    with pytest.raises(NoSuchVersionError, match=r"is signed with another key than cosign\.pub"):
        pull.pull(there, "1.0", public)
    assert list(there.iterdir()) == []
    push.push(here, "1.0", dataclasses.replace(options, key=str(keys[0])))
    pull.pull(there, "1.0", public)
    assert archive_digest(there) == archive_digest(here)


def test_a_version_is_refused_under_another_digest_and_what_there_is_is_listed(
    here: Path, there: Path, options: Options
) -> None:
    push.push(here, "1.0", options)
    with pytest.raises(NoSuchVersionError, match="it is not what was released under that digest"):
        pull.pull(there, "1.0", options, "sha256:" + "0" * 64)
    with pytest.raises(NoSuchVersionError, match=r"has no version 3\.0; it has: 1\.0"):
        pull.pull(there, "3.0", options)
    with pytest.raises(NoSuchVersionError, match=r"has no version 1\.0; it has: none"):
        pull.pull(there / "models.d/helmets", "1.0", options)
    assert list(there.iterdir()) == []


def test_an_archive_that_is_damaged_in_the_registry_is_refused(
    here: Path, there: Path, options: Options, registry: RegistryServer
) -> None:
    write_archive(here, "1.0", b"of this test alone", padding=50_000)
    push.push(here, "1.0", options)
    blob = registry.blob(archive_digest(here))
    blob.write_bytes(b"x" + blob.read_bytes()[1:])
    with pytest.raises(NoSuchVersionError, match=r"yolo-1\.0\.mar .*is damaged"):
        pull.pull(there, "1.0", options)
    assert left_over(there) == set()
    assert not list(there.glob("*.mar"))


def test_a_tag_that_was_moved_to_another_version_is_refused(here: Path, there: Path, options: Options) -> None:
    push.push(here, "1.0", options)
    repository = options.registry.of_model("yolo")
    oras.tag(repository, pushed(options), "1.1")
    with pytest.raises(NoSuchVersionError, match=r"holds version 1\.0 of yolo: the tag was moved"):
        pull.pull(there, "1.1", options)


def test_neither_a_released_nor_a_kept_version_is_replaced(
    here: Path, there: Path, options: Options, tmp_path: Path
) -> None:
    push.push(here, "1.0", options)
    digest = pushed(options)
    other = write_archive(there, "1.0", b"other weights")
    with pytest.raises(OpsError, match="A released version is never replaced"):
        push.push(there, "1.0", options)
    content = other.read_bytes()
    with pytest.raises(OpsError, match="A kept version is never replaced"):
        pull.pull(there, "1.0", options)
    assert pushed(options) == digest
    assert other.read_bytes() == content


def test_an_image_is_not_taken_for_an_archive(there: Path, options: Options, tmp_path: Path) -> None:
    repository = options.registry.of_model("yolo")
    (tmp_path / "file").write_text("something else")
    oras.tag(repository, oras.push(repository, tmp_path, [("file", "text/plain")], "text/plain", {"a": "b"}), "1.0")
    with pytest.raises(NoSuchVersionError, match=r"is not an archive that releases\.sh push released"):
        pull.pull(there, "1.0", options)


def test_a_dry_run_changes_nothing(here: Path, there: Path, options: Options, capsys: pytest.CaptureFixture) -> None:
    push.push(here, "1.0", dataclasses.replace(options, dry_run=True))
    assert oras.versions(options.registry.of_model("yolo")) == []
    push.push(here, "1.0", options)
    pull.pull(there, "1.0", dataclasses.replace(options, dry_run=True))
    assert "Dry run, nothing is changed" in capsys.readouterr().out
    assert list(there.iterdir()) == []


def test_a_registry_that_does_not_answer_is_named(here: Path) -> None:
    with pytest.raises(OpsError, match=r"127\.0\.0\.1:9 does not answer .*Check REGISTRY"):
        push.push(here, "1.0", Options(reference.parse("127.0.0.1:9/me")))


def test_a_full_disk_leaves_nothing(here: Path, there: Path, options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    push.push(here, "1.0", options)
    monkeypatch.setattr(pull, "RESERVE", 1 << 60)
    with pytest.raises(OpsError, match="free in the model store, the version needs"):
        pull.pull(there, "1.0", options)
    monkeypatch.undo()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archive, "add", full)
    with pytest.raises(OpsError, match="the disk is full"):
        pull.pull(there, "1.0", options)
    assert list(there.iterdir()) == []


PULL = """
import sys, time
from pathlib import Path
from ops.registry import oras, pull, reference
from ops.registry.options import Options
fetch = oras.fetch
def slowly(repository, digest, target):
    fetch(repository, digest, target)
    print("downloaded", flush=True)
    time.sleep(600)
oras.fetch = slowly
pull.pull(Path(sys.argv[1]), "1.0", Options(reference.parse(sys.argv[2])))
"""


def test_a_pull_that_is_killed_leaves_nothing_half_and_the_next_one_starts_anew(
    here: Path, there: Path, options: Options, namespace: str
) -> None:
    push.push(here, "1.0", options)
    command = [sys.executable, "-c", PULL, str(there), namespace]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as killed:
        wait_until(lambda: list(there.glob(".pull-*/*.mar")), "it downloads")
        with pytest.raises(LockedError, match=r"another pull of yolo-1\.0 is at work"):
            pull.pull(there, "1.0", options)
        killed.send_signal(signal.SIGKILL)
    assert not list(there.glob("*.mar"))
    pull.pull(there, "1.0", options)
    assert archive_digest(there) == archive_digest(here)
    assert left_over(there) == set()


def releases(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ops", "releases", *arguments]
    kept = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        command, cwd=ROOT, env={**kept, **environment}, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "fix"),
    [
        (("push", "1.0"), {}, 2, "no registry is set. Set REGISTRY in .env"),
        (("pull",), {}, 2, "pull needs the version"),
        (("list", "1.0"), {}, 2, "version is for push and pull, not for list"),
        (("pull", "1.0", "--digest", "1234"), {}, 2, "is not a digest"),
        (
            ("push", "1.0"),
            {"REGISTRY": "ghcr.io/me", "PATH": "/nowhere"},
            1,
            "oras is not installed. Install it: https",
        ),
        (
            ("pull", "1.0"),
            {"REGISTRY": "ghcr.io/me", "COSIGN_PUBLIC_KEY": "no.pub"},
            1,
            "COSIGN_PUBLIC_KEY=no.pub: there",
        ),
    ],
)
def test_a_command_line_that_cannot_work_says_how_it_would(
    arguments: tuple[str, ...], environment: dict[str, str], code: int, fix: str
) -> None:
    done = releases(*arguments, **environment)
    assert (done.returncode, fix in done.stderr) == (code, True), done.stderr


def test_the_exit_code_says_that_there_is_no_such_release(there: Path, options: Options) -> None:
    def work() -> int:
        pull.pull(there, "1.0", options)
        return 0

    assert run_command(work, "pulling") == NoSuchVersionError.exit_code
