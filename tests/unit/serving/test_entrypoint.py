import pytest

import entrypoint


@pytest.fixture
def started(monkeypatch):
    """The environments of the servers that would have replaced this process."""
    environments = []
    monkeypatch.setattr(entrypoint.os, "execvpe", lambda file, argv, env: environments.append(env))
    monkeypatch.setattr(entrypoint.os, "chdir", lambda folder: None)
    return environments


def test_the_handler_is_the_archives_unless_the_image_is_to_bring_its_own(store, started):
    env = {"MODEL_STORE": str(store), "TORCHSERVE_RUN_DIR": str(store / "run")}
    for more in ({"HANDLER_FROM": ""}, {"HANDLER_FROM": "image"}, {"HANDLER_FROM": "image", "PYTHONPATH": "/more"}):
        entrypoint.serve({**env, **more})
    here = str(entrypoint.HERE)
    assert [env.get("PYTHONPATH") for env in started] == [None, here, f"{here}:/more"]


def test_the_remains_of_a_killed_server_are_removed(store, started):
    run_dir = store / "run"
    unpacked = run_dir / "models/0a1b2c/model.xml"
    unpacked.parent.mkdir(parents=True)
    unpacked.touch()
    (run_dir / ".ts.sock.9000").touch()
    cache = run_dir / "yolo-model-cache-0"
    cache.mkdir()
    environment = {"MODEL_STORE": str(store), "TORCHSERVE_RUN_DIR": str(run_dir), "JAVA_HOME": str(store)}
    entrypoint.serve(environment)
    assert sorted(path.name for path in run_dir.iterdir()) == ["effective.properties", "yolo-model-cache-0"]


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
