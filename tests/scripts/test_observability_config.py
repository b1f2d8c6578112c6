"""The configurations that the scripts write: Prometheus' and Alertmanager's own checkers accept them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.services import find_binary
from tests.support.tree import ROOT

SCRIPTS = ROOT / "deploy" / "observability"
MAIL = {"ALERT_EMAIL_TO": "ops@example.org", "ALERT_EMAIL_FROM": "yolo@example.org", "ALERT_SMTP_HOST": "mail:587"}


def write(name: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script that then becomes a program which only tells its version."""
    find_binary(*{"prometheus": ("prometheus",) * 2, "alertmanager": ("prometheus-alertmanager",) * 2}[name])
    environment = {
        "PATH": os.environ["PATH"],
        f"{name.upper()}_CONFIG": str(folder / f"{name}.yml"),
        "GATEWAY_DEFAULT": "localhost:8001",
        "TORCHSERVE_TARGETS": "localhost:8087",
        **variables,
    }
    return subprocess.run(
        ["sh", SCRIPTS / f"{name}.sh", "--version"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"GATEWAY_TARGETS": "a:8001, b:8001", "METRICS_KEY_FILE": "secrets/key", "SCRAPE_INTERVAL": "30s"},
        {"NODE_TARGETS": "n:9100", "CERTIFICATES": "example.org:443", "BLACKBOX_TARGET": "b:9115"},
    ],
    ids=["as it is", "two gateways with keys", "all exporters"],
)
def test_prometheus_accepts_what_is_written(variables: dict[str, str], tmp_path: Path) -> None:
    done = write("prometheus", tmp_path, ALERTMANAGER_TARGETS="localhost:9093", **variables)
    assert done.returncode == 0, done.stderr
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "key").write_text("key")
    checked = subprocess.run(
        [find_binary("promtool", "prometheus"), "check", "config", tmp_path / "prometheus.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    written = yaml.safe_load((tmp_path / "prometheus.yml").read_text())
    jobs = {job["job_name"]: job for job in written["scrape_configs"]}
    targets = jobs["gateway"]["static_configs"][0]["targets"]
    assert targets == (["a:8001", "b:8001"] if "GATEWAY_TARGETS" in variables else ["localhost:8001"])
    if "METRICS_KEY_FILE" in variables:
        assert jobs["gateway"]["authorization"]["credentials_file"] == str(tmp_path / "secrets" / "key")


@pytest.mark.parametrize(
    ("variables", "kinds"),
    [
        ({}, set()),
        ({"ALERT_WEBHOOK_URL": "http://x/it's"}, {"webhook_configs"}),
        ({**MAIL, "ALERT_WEBHOOK_URL": "http://x"}, {"webhook_configs", "email_configs"}),
        ({**MAIL, "ALERT_SMTP_USER": "u", "ALERT_SMTP_PASSWORD_FILE": "secrets/mail"}, {"email_configs"}),
    ],
    ids=["nowhere", "webhook", "both", "mail with a password"],
)
def test_alertmanager_accepts_what_is_written(variables: dict[str, str], kinds: set[str], tmp_path: Path) -> None:
    done = write("alertmanager", tmp_path, **variables)
    assert done.returncode == 0, done.stderr
    written = tmp_path / "alertmanager.yml"
    checked = subprocess.run(
        [find_binary("amtool", "prometheus-alertmanager"), "check-config", written],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    (receiver,) = yaml.safe_load(written.read_text())["receivers"]
    assert receiver.keys() - {"name"} == kinds


def test_mail_without_a_sender_is_refused_and_says_what_to_set(tmp_path: Path) -> None:
    refused = write("alertmanager", tmp_path, ALERT_EMAIL_TO="ops@example.org")
    assert refused.returncode != 0
    assert "ALERT_EMAIL_FROM: set it to the address" in refused.stderr
