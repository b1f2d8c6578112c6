"""The stages' times as TorchServe's own metrics."""

from __future__ import annotations

import logging
import warnings

import pytest

from tests.support import ROOT
from yolo.stage_metrics import MEMORY, NAME, StageMetrics

with warnings.catch_warnings():
    warnings.simplefilter("ignore", ResourceWarning)  # torchserve reads its version file without closing it
    from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl

LIST = ROOT / "serving" / "torchserve" / "metrics.yaml"


def the_list(path: str) -> MetricsCacheYamlImpl:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # nor its list of metrics
        found = MetricsCacheYamlImpl(config_file_path=path)
    found.initialize_cache()
    return found


def test_each_stage_is_a_line_that_torchserve_reads(caplog: pytest.LogCaptureFixture) -> None:
    stages = StageMetrics(the_list(str(LIST)), "birds", "1.2")
    with caplog.at_level(logging.INFO):
        stages.add({"decode": 5.25, "infer": 60.0, "total": 65.25})
    lines = [record.getMessage() for record in caplog.records if NAME in record.getMessage()]
    assert [line.split("|#hostname")[0] for line in lines] == [
        "[METRICS]yolo_stage_seconds.Seconds:0.00525|#model:birds,version:1.2,stage:decode|#type:HISTOGRAM",
        "[METRICS]yolo_stage_seconds.Seconds:0.06|#model:birds,version:1.2,stage:infer|#type:HISTOGRAM",
    ]


def test_the_memory_of_the_worker_is_a_line_too(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        StageMetrics(the_list(str(LIST)), "birds", "1.2").add({})
    (line,) = [record.getMessage() for record in caplog.records if MEMORY in record.getMessage()]
    value, labels, kind, *_ = line.removeprefix(f"[METRICS]{MEMORY}.Bytes:").split("|#")
    assert int(value) > 10_000_000
    assert (labels, kind) == ("model:birds,version:1.2", "type:GAUGE")


@pytest.mark.parametrize("listed", [False, None])
def test_a_server_that_does_not_know_the_metric_gets_none(
    listed: bool | None, tmp_path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = None
    if listed is False:
        other = tmp_path / "metrics.yaml"
        other.write_text(LIST.read_text().replace(NAME, "another"))
        cache = the_list(str(other))
    with caplog.at_level(logging.INFO):
        StageMetrics(cache, "yolo", "1.0").add({"infer": 60.0})
    assert NAME not in caplog.text
