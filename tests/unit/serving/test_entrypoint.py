import shutil
import socket
import subprocess
import sys

import pytest

import entrypoint
from tests.support import ROOT


@pytest.fixture
def started(monkeypatch):
    """The environments of the servers that would have been started."""
    environments = []
    monkeypatch.setattr(entrypoint.server_process, "run", lambda argv, env, *rest: environments.append(env) or 0)
    monkeypatch.setattr(entrypoint.guard, "bind", lambda port: None)
    return environments


def test_the_handler_is_the_archives_unless_the_image_is_to_bring_its_own(store, started):
    env = {"MODEL_STORE": str(store), "TORCHSERVE_RUN_DIR": str(store / "run")}
    for more in ({"HANDLER_FROM": ""}, {"HANDLER_FROM": "image"}, {"HANDLER_FROM": "image", "PYTHONPATH": "/more"}):
        entrypoint.serve({**env, **more})
    own = f"{ROOT}/serving/torchserve:{ROOT}/common"
    assert [env.get("PYTHONPATH") for env in started] == [None, own, f"{own}:/more"]


def test_the_common_modules_of_a_worker_are_the_archives_even_if_this_program_has_them_from_pythonpath(store, started):
    env = {"MODEL_STORE": str(store), "TORCHSERVE_RUN_DIR": str(store / "run")}
    for path in (f"{ROOT}/common", f"/more:{ROOT}/common"):
        entrypoint.serve({**env, "PYTHONPATH": path})
    assert [env.get("PYTHONPATH") for env in started] == [None, "/more"]


def test_the_program_finds_the_common_modules_of_its_own_checkout(tmp_path):
    """Natively green may be started from another checkout; without one next to it, from those on PYTHONPATH."""
    serving = shutil.copytree(
        ROOT / "serving/torchserve", tmp_path / "serving/torchserve", ignore=shutil.ignore_patterns("model-store")
    )
    script = "import entrypoint; print(entrypoint.COMMON)"

    def found(**variables):
        argv = [sys.executable, "-c", script]
        return subprocess.run(argv, cwd=serving, env=variables, capture_output=True, text=True).stdout.strip()

    assert found() == ""
    assert found(PYTHONPATH=str(ROOT / "common")) == str(ROOT / "common")
    own = shutil.copytree(ROOT / "common", tmp_path / "common")
    assert found(PYTHONPATH=str(ROOT / "common")) == found() == str(own)


def test_the_remains_of_a_killed_server_are_removed(store, started):
    run_dir = store / "run"
    unpacked = run_dir / "models/0a1b2c/model.xml"
    unpacked.parent.mkdir(parents=True)
    unpacked.touch()
    (run_dir / ".ts.sock.9000").touch()
    (run_dir / "management.sock").touch()
    cache = run_dir / "yolo-model-cache-0"
    cache.mkdir()
    environment = {"MODEL_STORE": str(store), "TORCHSERVE_RUN_DIR": str(run_dir), "JAVA_HOME": str(store)}
    entrypoint.serve(environment)
    assert sorted(path.name for path in run_dir.iterdir()) == ["effective.properties", "yolo-model-cache-0"]


def test_only_this_user_enters_the_folder_of_the_sockets_behind_the_guard(store, started, monkeypatch):
    run_dir = store / "run"
    run_dir.mkdir(mode=0o777)
    environment = {"MODEL_STORE": str(store), "TORCHSERVE_RUN_DIR": str(run_dir)}
    entrypoint.serve(environment)
    assert run_dir.stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr(entrypoint.os, "getuid", lambda: run_dir.stat().st_uid + 1)
    with pytest.raises(entrypoint.ConfigurationError, match="belongs to another user"):
        entrypoint.serve(environment)


def test_a_taken_port_is_named_with_its_setting(store, monkeypatch):
    monkeypatch.setattr(entrypoint.server_process, "run", pytest.fail)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        with pytest.raises(entrypoint.ConfigurationError, match=f"{port} .*INFERENCE_PORT"):
            entrypoint.serve({"MODEL_STORE": str(store), "TORCHSERVE_RUN_DIR": str(store), "INFERENCE_PORT": port})


def test_the_server_gets_no_variable_that_is_not_on_the_list(store, started):
    secrets = {"REDIS_URL": "redis://:secret@redis", "YOLO_API_KEY": "secret", "AWS_SECRET_ACCESS_KEY": "secret"}
    kept = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "ONEDNN_MAX_CPU_ISA": "AVX2", "PATH": "/bin", "LOG_LEVEL": "INFO"}
    entrypoint.serve({"MODEL_STORE": str(store), "TORCHSERVE_RUN_DIR": str(store / "run"), **kept, **secrets})
    (environment,) = started
    assert kept.items() <= environment.items()
    assert "secret" not in str(environment)


def test_the_program_starts_again_without_foreign_variables(monkeypatch):
    started = []
    monkeypatch.setattr(entrypoint.os, "execve", lambda path, argv, env: started.append((argv, env)))
    entrypoint.drop_foreign_variables({"PATH": "/bin", "REDIS_URL": "redis://:secret@redis"})
    entrypoint.drop_foreign_variables({"PATH": "/bin", "LC_CTYPE": "C.UTF-8", "__CF_USER_TEXT_ENCODING": "0x0"})
    assert started == [(sys.orig_argv, {"PATH": "/bin"})]


def test_an_unknown_argument_is_a_configuration_error(capsys):
    assert entrypoint.main(["dance"]) == entrypoint.EX_CONFIG
    assert "serve|healthcheck" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("locale", "given"),
    [
        ({}, "C.UTF-8"),
        ({"LC_ALL": "C"}, "C.UTF-8"),
        ({"LC_ALL": "", "LANG": "POSIX"}, "C.UTF-8"),
        ({"LC_ALL": "C", "LANG": "de_DE.UTF-8"}, "C.UTF-8"),
        ({"LANG": "de_DE.utf8"}, None),
        ({"LC_ALL": "en_US.UTF-8"}, "en_US.UTF-8"),
    ],
)
def test_java_gets_a_locale_that_can_name_every_file(store, started, locale, given):
    entrypoint.serve({"MODEL_STORE": str(store), "TORCHSERVE_RUN_DIR": str(store / "run"), **locale})
    assert started[0].get("LC_ALL") == given
