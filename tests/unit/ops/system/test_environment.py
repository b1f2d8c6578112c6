import dataclasses

from ops.system import environment
from yolo.settings import Settings


def test_only_the_named_variables_are_kept(monkeypatch):
    given = {"PATH": "/bin", "LC_ALL": "C", "LC": "x", "PIP_INDEX_URL": "i", "TOKEN": "secret", "PATHS": "x"}
    assert environment.only(("PATH", "LC_*", "HOME"), given) == {"PATH": "/bin", "LC_ALL": "C"}
    monkeypatch.setenv("TOKEN", "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    for names in (environment.PACKAGING, environment.DOWNLOAD):
        assert "secret" not in environment.only(names).values()
    assert "HTTPS_PROXY" not in environment.only(environment.PACKAGING)


def test_the_settings_of_a_worker_are_those_that_it_declares():
    assert set(environment.WORKER_SETTINGS) == {field.name.upper() for field in dataclasses.fields(Settings)}
