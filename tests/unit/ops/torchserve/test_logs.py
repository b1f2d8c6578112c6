import json

from ops.torchserve.logs import find_reasons

HEAD = "2026-11-23T12:42:38,705 INFO  MODEL_LOG - "
# As TorchServe 0.12 writes it when a handler raises while it loads: the same again at each retry.
RETRY = "".join(
    HEAD + line + "\n"
    for line in (
        "Torch worker started.",
        "Failed to load model yolo, exception sabotaged",
        "Traceback (most recent call last):",
        '  File "/x/ts/model_loader.py", line 143, in load',
        '  File "/tmp/models/f3/yolo_handler.py", line 2, in initialize',
        "    def initialize(self, c): raise RuntimeError('sabotaged')",
        "RuntimeError: sabotaged",
        "Backend worker process died.",
        "RuntimeError: 500 - Unknown exception",
    )
)
JAVA = """2026-11-23T12:42:46,815 ERROR WorkerThread - Backend worker error
org.pytorch.serve.archive.model.ModelException: Failed to save model: yolo-2.2.mar
\tat org.pytorch.serve.Archive.unpack(Archive.java:210) ~[model-server.jar:?]
Caused by: java.util.zip.ZipException: zip END header not found
\t... 6 more
"""


def test_a_handlers_error_is_told_once_with_the_line_it_came_from():
    assert find_reasons(RETRY * 3) == [
        "Failed to load model yolo, exception sabotaged",
        "yolo_handler.py:2: RuntimeError: sabotaged",
    ]


def test_javas_errors_are_told_without_their_frames():
    assert find_reasons(JAVA) == [
        "Backend worker error",
        "org.pytorch.serve.archive.model.ModelException: Failed to save model: yolo-2.2.mar",
        "Caused by: java.util.zip.ZipException: zip END header not found",
    ]


def test_lines_of_pictures_and_of_a_start_that_went_well_say_nothing():
    assert find_reasons(HEAD + '{"status": 500, "error": "ValueError"}\n' + HEAD + "Torch worker started.\n") == []


def test_no_more_than_the_last_ones_are_told():
    log = "".join(f"{HEAD}ValueError: {number}\n" for number in range(50))
    assert find_reasons(log, most=3) == ["ValueError: 47", "ValueError: 48", "ValueError: 49"]


def event(level: str, message: str, **more: object) -> str:
    return json.dumps({"time": "2026-11-30T12:00:00+00:00", "level": level, "logger": "x", "message": message, **more})


def test_a_log_of_json_lines_gives_the_same_reasons():
    lines = [event("info", line.partition(" - ")[2]) for line in RETRY.splitlines()]
    assert find_reasons("\n".join(lines * 2)) == find_reasons(RETRY)
    first, *others = JAVA.splitlines()
    lines = [event("error", first.partition(" - ")[2], exception="\n".join(others))]
    assert find_reasons("\n".join(lines)) == find_reasons(JAVA)
    lines = [
        event("error", "", event="predict", status=500, type="ValueError"),
        event("info", "request", logger="torchserve.access", status=500),
        event("warning", "request refused", logger="torchserve.access", detail="web pages may not use TorchServe"),
    ]
    assert find_reasons("\n".join(lines)) == []
