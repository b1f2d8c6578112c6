import importlib.util
import json
import re
from pathlib import Path

import pytest

from ops.errors import OpsError
from ops.setup import environment
from tests.support import free_ports


@pytest.mark.parametrize(
    ("line", "fix"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: Could not find a version that satisfies the requirement torch==2.13.0", "cannot be reached"),
        ("WARNING: Retrying: NewConnectionError: Temporary failure in name resolution", "cannot be reached"),
        ("ERROR: something else", "pip failed"),
    ],
)
def test_a_failed_pip_run_is_explained_with_its_fix_and_its_last_line(line, fix):
    message = environment.explain_failure(["Collecting torch", line], Path("setup.log"))
    assert fix in message
    assert line in message


def test_a_requirement_without_a_pin_is_refused(tmp_path, monkeypatch):
    path = environment.ROOT / "constraints.txt"
    with pytest.raises(OpsError, match="does not pin"):
        environment.pinned_requirement("no-such-package", path)


def test_every_requirement_is_pinned_in_its_file_and_agrees_with_the_constraints():
    locked = dict(
        line.split("==") for line in environment.CONSTRAINTS.read_text().splitlines() if re.match(r"[\w-]+==", line)
    )
    locked = {name.lower().replace("_", "-"): version for name, version in locked.items()}
    for path in [*environment.RUNTIME, environment.TEST, environment.INT8, environment.JAVA, environment.NO_DEPS]:
        for line in path.read_text().splitlines():
            requirement = line.split("#")[0].strip()
            if requirement:
                name, version = requirement.split("==")
                assert locked[name.partition("[")[0].lower().replace("_", "-")] == version, f"{path}: {requirement}"


def test_another_requirement_gives_another_fingerprint(tmp_path):
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_text("a==1")
    two.write_text("a==2")
    assert environment.fingerprint([one]) != environment.fingerprint([two])


def test_the_same_python_under_another_name_keeps_the_environment(monkeypatch):
    before = environment.fingerprint([environment.TEST])
    monkeypatch.setattr(environment.sys, "executable", "/somewhere/else/bin/python3")
    assert environment.fingerprint([environment.TEST]) == before
    monkeypatch.setattr(environment.sys, "base_prefix", "/another/python")
    assert environment.fingerprint([environment.TEST]) != before


@pytest.mark.parametrize(
    ("made_with_java", "found", "is_kept"),
    [(True, None, True), (True, "/usr/bin/java", True), (False, "/usr/bin/java", True), (False, None, False)],
)
def test_an_environment_with_a_java_of_its_own_is_kept_where_the_machine_has_one(
    tmp_path, monkeypatch, made_with_java, found, is_kept
):
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.touch()
    files = [*environment.RUNTIME, *([environment.JAVA] if made_with_java else []), environment.NO_DEPS]
    (tmp_path / "runtime.stamp").write_text(environment.fingerprint(files))
    monkeypatch.setattr(environment, "VENV", tmp_path)
    monkeypatch.setattr(environment, "PYTHON", python)
    monkeypatch.setattr(environment.java, "find_on_machine", lambda: found)

    class InstallingError(Exception):
        pass

    def install() -> None:
        raise InstallingError

    monkeypatch.setattr(environment, "create", install)
    if is_kept:
        assert environment.install(environment.RUNTIME, "runtime") is False
    else:
        with pytest.raises(InstallingError):
            environment.install(environment.RUNTIME, "runtime")


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """A Python whose pip offers torch with these packages, where torch's own index cannot be reached."""
    monkeypatch.setenv("TORCH_INDEX", f"http://127.0.0.1:{free_ports(1)[0]}/whl")
    monkeypatch.setattr(environment.sys, "platform", "linux")

    def offering(*names):
        python = tmp_path / "python"
        report = json.dumps({"install": [{"metadata": {"name": name}} for name in names]})
        python.write_text(f"#!/bin/sh\ncat <<'EOF'\n{report}\nEOF\n")
        python.chmod(0o755)
        return python

    return offering


def test_gigabytes_of_cuda_are_refused_with_the_mend_unless_they_are_asked_for(offline, monkeypatch):
    python = offline("torch", "nvidia-cublas")
    monkeypatch.delenv("ALLOW_CUDA", raising=False)
    with pytest.raises(OpsError, match="ALLOW_CUDA=1"):
        environment.torch_index(python, "torch==2")
    monkeypatch.setenv("ALLOW_CUDA", "1")
    assert environment.torch_index(python, "torch==2") is None


def test_a_cpu_build_of_the_package_index_in_use_is_taken_from_there(offline, monkeypatch):
    monkeypatch.delenv("ALLOW_CUDA", raising=False)
    assert environment.torch_index(offline("torch", "sympy"), "torch==2") is None


@pytest.mark.parametrize("name", ["a:b", "a #b", "a ;b", 'a"b', "a\\b", "a\nb", "a\udcff"])
def test_a_folder_whose_path_breaks_a_program_is_refused_at_once_with_the_fix(tmp_path, name):
    with pytest.raises(OpsError, match=r"the path of this folder has .*rename the folder"):
        environment.require_usable_folder(tmp_path / name)


@pytest.mark.parametrize("name", ["a b", "100%", "a$b", "ü#ñ", "it's", "[a]"])
def test_a_folder_with_another_odd_path_is_taken(tmp_path, name):
    environment.require_usable_folder(tmp_path / name)


def test_what_the_services_import_is_compiled_and_nothing_else(tmp_path, monkeypatch):
    asked: list[tuple[str, ...]] = []
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    # It compiles each module that it imports, as Python does, whatever the caller's shell forbids.
    python.write_text('#!/bin/sh\n[ "$PYTHONDONTWRITEBYTECODE" ] || echo "$2" >>"$0.ran"\n')
    python.chmod(0o755)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    for name, value in {"VENV": tmp_path, "PYTHON": python, "RUNTIME": [environment.RUNTIME[0]]}.items():
        monkeypatch.setattr(environment, name, value)
    monkeypatch.setattr(environment, "pip", lambda *arguments, title: asked.append(arguments))
    monkeypatch.setattr(environment, "torch_index", lambda *_: None)
    assert environment.install(environment.RUNTIME, "runtime")
    assert environment.install([environment.INT8], "int8")
    assert environment.install([environment.TEST], "test")
    installs = [arguments for arguments in asked if arguments[0] == "install"]
    assert len(installs) == 5
    assert all("--no-compile" in arguments for arguments in installs)
    assert (tmp_path / "bin" / "python.ran").read_text().splitlines()[-1] == f"import {environment.SERVED}"


@pytest.mark.parametrize("module", environment.SERVED.split(", "))
def test_what_is_compiled_is_installed(module):
    assert importlib.util.find_spec(module.partition(".")[0])
