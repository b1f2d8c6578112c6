"""The Terraform modules: their form, what their plans refuse, and deploying a project that only records over SSH."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ssh_server import SshServer, ssh_server
from tests.support.terraform import MODULES, Terraform, find_terraform

SCRIPT = MODULES / "ssh" / "deploy.sh"
SECRET = "s3cret-of-redis"
RECORDING = '#!/bin/bash\necho "$(basename "$0") $*" >>calls\n'
FAILING_REDEPLOY = RECORDING + "echo 'error: other classes' >&2; exit 4\n"


def project(path: Path, *, extra: dict[str, str] | None = None, folder: str = "", redeploy: str = RECORDING) -> Path:
    """Write an archive of a project whose scripts only record how they were called."""
    files = {f"scripts/{name}.sh": RECORDING for name in ("up", "down")}
    files |= {"scripts/redeploy.sh": redeploy, **(extra or {})}
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(folder + name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path


class Machine:
    """A home folder with a folder for the service, where deploy.sh runs as it does on a machine."""

    def __init__(self, home: Path) -> None:
        self.home, self.folder, self.staging = home, home / "yolo serving", home / "staging"
        home.mkdir(exist_ok=True)

    def upload(self, **files: bytes | Path) -> None:
        """Put files next to the script, as Terraform does."""
        self.staging.mkdir(exist_ok=True)
        names = {
            "source": "source.tar.gz",
            "settings": "settings.env",
            "keys": "api_keys.jsonl",
            "weights": "weights.pt",
        }
        for name, content in {**files, "script": SCRIPT}.items():
            target = self.staging / names.get(name, "deploy.sh")
            target.write_bytes(content.read_bytes() if isinstance(content, Path) else content)

    def run(self, action: str, *options: str, mode: str = "native") -> subprocess.CompletedProcess[str]:
        argv = [
            "bash",
            str(self.staging / "deploy.sh"),
            action,
            "--mode",
            mode,
            "--folder",
            "yolo serving",
            *options,
        ]
        env = {"HOME": str(self.home), "PATH": "/usr/bin:/bin"}
        return subprocess.run(argv, env=env, capture_output=True, text=True, check=False)

    def must(self, action: str, *options: str, mode: str = "native") -> str:
        done = self.run(action, *options, mode=mode)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def calls(self) -> list[str]:
        """Return how the project's scripts were called since the last time that this was asked."""
        path = self.folder / "calls"
        found = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return found


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "home")


def test_the_plans_of_the_ssh_module(tmp_path):
    terraform = Terraform("ssh", tmp_path / "modules")
    terraform.must("validate")
    assert "0 failed" in terraform.must("test")


def test_the_first_weights_are_there_before_the_service_starts(machine, tmp_path):
    machine.upload(source=project(tmp_path / "p.tgz"), settings=b"A='1'\n", keys=b"{}\n", weights=b"one")
    machine.must("apply")
    assert machine.calls() == ["up.sh --native"]
    assert (machine.folder / "models/weights/best.pt").read_bytes() == b"one"
    for private in (".env", "secrets/api_keys.jsonl"):
        assert (machine.folder / private).stat().st_mode & 0o777 == 0o600
    assert not list(machine.staging.glob("*.env")), "nothing secret is left among the uploads"


def test_other_weights_are_redeployed_and_the_same_ones_are_not(machine, tmp_path):
    machine.upload(source=project(tmp_path / "p.tgz"), weights=b"one")
    machine.must("apply")
    machine.calls()
    machine.upload(weights=b"one")
    machine.must("apply")
    assert machine.calls() == ["up.sh --native"]
    machine.upload(weights=b"two")
    machine.must("apply", "--accept-drift")
    redeploy = f"redeploy.sh {machine.staging}/weights.pt --native --note deployed by Terraform --accept-drift"
    assert machine.calls() == ["up.sh --native", redeploy]
    assert (machine.folder / "models/weights/best.pt").read_bytes() == b"two"


def test_weights_that_are_refused_fail_the_apply_and_change_nothing(machine, tmp_path):
    machine.upload(source=project(tmp_path / "p.tgz", redeploy=FAILING_REDEPLOY), weights=b"one")
    machine.must("apply")
    machine.upload(weights=b"two")
    done = machine.run("apply")
    assert (done.returncode, done.stderr) == (4, "error: other classes\n")
    assert (machine.folder / "models/weights/best.pt").read_bytes() == b"one"
    # With the cause gone, the next apply goes on with the same upload.
    (machine.folder / "scripts/redeploy.sh").write_text(RECORDING)
    machine.must("apply")
    assert (machine.folder / "models/weights/best.pt").read_bytes() == b"two"


def test_a_newer_archive_removes_what_it_does_not_have_and_nothing_else(machine, tmp_path):
    machine.upload(source=project(tmp_path / "p.tgz", extra={"ops/old one.py": "", "ops/kept.py": "1"}))
    machine.must("apply")
    (machine.folder / "samples").mkdir()
    (machine.folder / "samples/mine.jpg").write_bytes(b"mine")
    machine.upload(source=project(tmp_path / "q.tgz", extra={"ops/kept.py": "2"}, folder="yolo-serving-1.2/"))
    machine.must("apply")
    assert sorted(path.name for path in (machine.folder / "ops").iterdir()) == ["kept.py"]
    assert (machine.folder / "ops/kept.py").read_text() == "2"
    assert (machine.folder / "samples/mine.jpg").read_bytes() == b"mine"


def test_an_archive_of_something_else_changes_nothing(machine, tmp_path):
    machine.upload(source=project(tmp_path / "p.tgz"))
    machine.must("apply")
    before = sorted(machine.folder.rglob("*"))
    with tarfile.open(tmp_path / "other.tgz", "w:gz") as archive:
        archive.add(SCRIPT, "other/deploy.sh")
    machine.upload(source=tmp_path / "other.tgz")
    done = machine.run("apply")
    assert done.returncode == 1
    assert "is not this project" in done.stderr
    assert sorted(machine.folder.rglob("*")) == before


def test_settings_that_people_wrote_are_kept_under_another_name(machine, tmp_path):
    machine.folder.mkdir()
    (machine.folder / ".env").write_text("WORKERS=4\n")
    machine.upload(source=project(tmp_path / "p.tgz"), settings=b"WORKERS='1'\n")
    assert "kept as .env.before" in machine.must("apply")
    machine.upload(settings=b"WORKERS='2'\n")
    machine.must("apply")
    assert (machine.folder / ".env.before").read_text() == "WORKERS=4\n"
    assert (machine.folder / ".env").read_text() == "WORKERS='2'\n"


def test_a_revision_of_a_repository_and_the_next_one(machine, tmp_path):
    origin = tmp_path / "origin"
    (origin / "scripts").mkdir(parents=True)
    (origin / "scripts/up.sh").write_text(RECORDING)
    (origin / "old").write_text("")
    git = ["git", "-C", str(origin), "-c", "user.name=t", "-c", "user.email=t@localhost"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    commits = []
    for change in (["add", "."], ["rm", "--quiet", "old"]):
        subprocess.run([*git, *change], check=True)
        subprocess.run([*git, "commit", "--quiet", "-m", "c"], check=True)
        commits.append(
            subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        )
    machine.upload()
    for commit, has_old in zip(commits, (True, False), strict=True):
        machine.must("apply", "--repository", f"file://{origin}", "--revision", commit)
        assert (machine.folder / "old").exists() == has_old
        assert machine.calls() == ["up.sh --native"]


def test_another_mode_stops_what_runs(machine, tmp_path):
    machine.upload(source=project(tmp_path / "p.tgz"))
    machine.must("apply")
    machine.must("apply", mode="docker")
    machine.must("apply", mode="docker")
    assert machine.calls() == ["up.sh --native", "down.sh ", "up.sh --docker", "up.sh --docker"]


def test_remove_stops_the_service_and_deletes_the_folder_only_when_asked(machine, tmp_path):
    machine.upload(source=project(tmp_path / "p.tgz"), weights=b"one")
    machine.must("apply")
    machine.calls()
    machine.must("remove")
    assert machine.calls() == ["down.sh "]
    assert (machine.folder / "models/weights/best.pt").exists()
    machine.upload()
    machine.must("remove", "--delete")
    assert not machine.folder.exists()


def test_a_folder_that_was_never_deployed_to_is_not_deleted(machine):
    machine.folder.mkdir()
    (machine.folder / "letters").write_text("mine")
    machine.upload()
    machine.must("remove", "--delete")
    assert (machine.folder / "letters").read_text() == "mine"


@pytest.mark.parametrize(
    "arguments", [["apply"], ["--dance"], ["apply", "--mode"], ["apply", "--mode", "podman", "--folder", "f"]]
)
def test_wrong_arguments_are_refused(arguments):
    assert subprocess.run(["bash", SCRIPT, *arguments], capture_output=True, check=False).returncode == 2


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    find_terraform()
    with ssh_server(tmp_path, kind="ecdsa") as found:
        yield found


def test_a_deployment_over_ssh_from_the_first_apply_to_destroy(server, tmp_path):
    terraform = Terraform("ssh", tmp_path / "modules")
    folder = tmp_path / "machine" / "yolo serving"
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"one")
    variables = {
        "host": "127.0.0.1",
        "port": server.port,
        "user": server.user,
        "host_key": server.host_key,
        "private_key_path": str(server.private_key),
        "folder": str(folder),
        "source_archive": str(project(tmp_path / "p.tgz")),
        "weights": str(weights),
        "settings": {"REDIS_URL": f"redis://:{SECRET}@127.0.0.1/0"},
    }
    terraform.set(**variables)
    printed = terraform.apply()
    assert (folder / ".env").read_text().endswith(f"\nREDIS_URL='redis://:{SECRET}@127.0.0.1/0'\n")
    assert not terraform.changes()

    weights.write_bytes(b"two")
    assert terraform.changes()
    printed += terraform.apply()
    calls = (folder / "calls").read_text().splitlines()
    assert [call.split()[0] for call in calls] == ["up.sh", "up.sh", "redeploy.sh"]

    # Another machine that has the address gets nothing.
    other = {"host_key": server.private_key.with_suffix(".pub").read_text(), "connect_timeout": "2s", "settings": {}}
    terraform.set(**{**variables, **other})
    refused = terraform.run("apply", "-auto-approve", "-input=false")
    assert refused.returncode == 1
    assert "knownhosts: key mismatch" in refused.stdout or "no common algorithm" in refused.stdout, refused.stdout
    assert SECRET in (folder / ".env").read_text()

    terraform.set(**variables)
    printed += terraform.apply()
    printed += terraform.must("destroy", "-auto-approve", "-input=false")
    assert (folder / "calls").read_text().splitlines()[-1].split() == ["down.sh"]
    assert (folder / "models/weights/best.pt").read_bytes() == b"two"
    assert SECRET not in printed
    for state in terraform.folder.glob("terraform.tfstate*"):
        assert SECRET not in state.read_text()
        assert "PRIVATE KEY" not in state.read_text()
