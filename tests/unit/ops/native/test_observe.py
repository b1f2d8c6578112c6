"""What observe.sh starts, depending on what is installed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ops.native import observe
from ops.system.settings import load


@pytest.mark.parametrize(
    ("installed", "started"),
    [
        ([], []),
        (["syslog-ng"], []),
        (["victoria-logs"], []),
        (["victoria-logs-prod", "syslog-ng"], ["victoria-logs", "log-agent"]),
    ],
)
def test_the_log_store_and_its_agent_are_started_where_both_are_installed(
    installed: list[str], started: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in installed:
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(observe, "SYSTEM_PATH", str(tmp_path))
    names = [program.name for program in observe.programs(load())]
    assert names == [*started, "alertmanager", "prometheus"]


def test_the_agent_is_told_every_variable_of_its_configuration() -> None:
    _, agent = observe.log_programs(9428, {})
    config = (observe.SCRIPTS / "syslog-ng.conf").read_text()
    assert set(re.findall(r"`(\w+)`", config)) == agent.environment.keys()
