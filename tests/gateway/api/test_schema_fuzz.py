"""Schemathesis over the OpenAPI document of a real gateway process: every route, no 5xx, nothing undocumented.

All of its checks are on but for one on some routes: see schemathesis_run/schemathesis.toml. The seed is fixed, so a
failure is found again; its output names the request as a curl command. To look for longer, and elsewhere:
SCHEMA_FUZZ_EXAMPLES=300 SCHEMA_FUZZ_SEED=7 SCHEMA_FUZZ_SECONDS=3600 pytest tests/gateway/api/test_schema_fuzz.py
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gateway.support.auth import add_key
from tests.gateway.support.fake_torchserve import Answer, Asked, FakeTorchServe, torchserve_error
from tests.gateway.support.gateway_process import gateway_path, gateway_process
from tests.support import ROOT

_RUN = ROOT / "tests" / "gateway" / "schemathesis_run"
SEED, EXAMPLES = int(os.environ.get("SCHEMA_FUZZ_SEED", "20261123")), os.environ.get("SCHEMA_FUZZ_EXAMPLES", "6")
#: Seconds for one run, which is stopped where it hangs. It takes half a minute on two cores.
MOST_SECONDS = int(os.environ.get("SCHEMA_FUZZ_SECONDS", "600"))
#: Where the model server fails, the gateway's 5xx are right; they must be documented all the same.
CHECKS_OF_ANSWERS = (
    "status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance"
)


Start = Callable[..., str]


@pytest.fixture
def start(_running: tuple[FakeTorchServe, str], fake: FakeTorchServe) -> Iterator[Start]:
    """Start a gateway whose log is read all the time, so that thousands of lines do not stop it; gives its URL."""
    _, backend = _running
    with contextlib.ExitStack() as stack:
        urls = {"TORCHSERVE_INFERENCE_URL": backend, "TORCHSERVE_MANAGEMENT_URL": backend}
        yield lambda **variables: stack.enter_context(gateway_process(**urls, **variables))


def fuzz(url: str, folder: Path, *arguments: str, checks: str = "", key: str = "") -> dict[str, Any]:
    """Run schemathesis, which must find nothing; return its report."""
    report = folder / "report.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(_RUN / "schemathesis.toml")),
            *("run", f"{url}/openapi.json", "--seed", str(SEED), "--max-examples", EXAMPLES),
            *("--request-timeout", "60", "--continue-on-failure", "--report", "json"),
            *("--report-json-path", str(report), *arguments),
            *(("--header", f"X-API-Key: {key}") if key else ()),
            *(("--checks", checks) if checks else ()),
        ],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(ROOT), gateway_path()]),
            "SCHEMATHESIS_HOOKS": "tests.gateway.schemathesis_run.pictures_hook",
            "NO_COLOR": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=MOST_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    found: dict[str, Any] = json.loads(report.read_text())
    assert found["complete"]
    assert found["operations"]["tested"] == found["operations"]["total"] == len(operations(url, key))
    return found


def operations(url: str, key: str = "") -> set[str]:
    paths = httpx.get(f"{url}/openapi.json", headers={"X-API-Key": key} if key else {}).json()["paths"]
    return {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}


def accepted(report: dict[str, Any]) -> set[str]:
    """Return the operations of which some request was answered 2xx."""
    return {
        operation
        for operation, phases in report["valid_rates"].items()
        if any(phase["accepted"] for phase in phases.values())
    }


def test_nothing_undocumented_is_answered_to_anybody(start: Start, fake: FakeTorchServe, tmp_path: Path) -> None:
    fake.workers = {"1.0": ["READY"], "1.1": ["READY"]}  # the version that the document's examples name
    fake.others = {"plates": {"1.0": ["READY"]}}  # and the second model
    url = start(AUTH="off", URL_ALLOW="cdn.example.invalid")
    report = fuzz(url, tmp_path)
    assert accepted(report) == operations(url), "some operations were only ever refused: nothing of them was tested"


def test_nothing_undocumented_is_answered_where_keys_are_asked_for(
    start: Start, fake: FakeTorchServe, tmp_path: Path
) -> None:
    fake.workers = {"1.0": ["READY"], "1.1": ["READY"]}
    fake.others = {"plates": {"1.0": ["READY"]}}
    keys = tmp_path / "keys.json"
    key = add_key(keys, scopes=("predict", "admin"))
    url = start(
        AUTH="on",
        API_KEYS_FILE=str(keys),
        CACHE="memory",
        RATE_LIMIT="1000000/minute",
        CORS_ORIGINS="https://a.example",
    )
    # The phase "coverage" walks through the schema's own values: the same ones as without keys.
    report = fuzz(url, tmp_path, "--phases", "examples,fuzzing,stateful", key=key)
    assert accepted(report) == operations(url, key)


def test_a_failing_model_server_leads_to_documented_answers_only(
    start: Start, fake: FakeTorchServe, tmp_path: Path
) -> None:
    faults = [
        torchserve_error(503, "ServiceUnavailableException", "no worker"),
        torchserve_error(500, "InternalServerException", "worker died"),
        torchserve_error(507, "InternalServerException", "out of memory"),
        Answer(b"no json"),
        Answer([{"boxes": 7}]),
        Answer(b"", status=302),
    ]

    def predict(_: Asked) -> Answer:
        return faults[len(fake.predictions) % len(faults)]

    fake.predict = predict
    fake.describe = Answer(b"{", status=200)
    url = start(AUTH="off", READY_GRACE_S="3600")
    fuzz(url, tmp_path, "--phases", "examples,fuzzing", checks=CHECKS_OF_ANSWERS)
    assert fake.predictions


def test_whoever_asks_too_often_gets_documented_answers_only(start: Start, tmp_path: Path) -> None:
    url = start(AUTH="off", RATE_LIMIT="3/minute")
    fuzz(url, tmp_path, "--phases", "fuzzing", checks=f"not_a_server_error,{CHECKS_OF_ANSWERS}")
