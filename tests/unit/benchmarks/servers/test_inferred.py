from benchmarks.servers import inferred
from benchmarks.servers.server import Server

METRICS = """
# HELP ts_inference_requests_total Torchserve prometheus counter metric with unit: Count
# TYPE ts_inference_requests_total counter
ts_inference_requests_total{model_name="yolo",model_version="default",hostname="h",} 41.0
ts_inference_requests_total{model_name="yolo",model_version="1.0",hostname="h",} 1.0
ts_queue_latency_microseconds{model_name="yolo",model_version="default",hostname="h",} 5.0
"""


def test_the_requests_of_all_versions_are_added_up():
    assert inferred.count_requests(METRICS) == 42
    assert inferred.count_requests("# nothing yet") == 0


def test_a_rival_adds_a_byte_per_picture(tmp_path, monkeypatch):
    monkeypatch.setattr(inferred, "WORK", tmp_path)
    assert inferred.count_inferred(Server("litserve_yolo")) == 0
    inferred.counter_file("litserve_yolo").write_bytes(b"..")
    assert inferred.count_inferred(Server("litserve_yolo")) == 2
