"""The model server's log: whatever its processes print, each line is one JSON object with the same fields."""

import io
import json
import os
import sys

from hypothesis import given
from hypothesis import strategies as st

import log_lines
import server_process
from log_lines import JsonLog

JAVA = {"time": "2026-11-30T12:00:00.000+00:00", "level": "info", "logger": "MODEL_LOG", "message": "", "exception": ""}


def written(*lines, level="info"):
    stream = io.BytesIO()
    log = JsonLog(stream, level)
    for line in lines:
        log.line(line)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def java(**fields):
    return json.dumps({**JAVA, **fields})


def test_a_line_of_java_is_kept():
    (line,) = written(java(logger="ModelManager", level="error", message="it failed", exception="a\n\tat b"))
    assert line == {
        **JAVA,
        "logger": "ModelManager",
        "level": "error",
        "message": "it failed",
        "exception": "a\n\tat b",
    }


def test_json_of_a_worker_is_not_wrapped_a_second_time():
    (line,) = written(java(message='{"event":"predict","request_id":"a","status":200}'))
    told = {"event": "predict", "request_id": "a", "status": 200}
    assert line == {"time": JAVA["time"], "level": "info", "logger": "worker", "message": "predict", **told}


def test_other_lines_of_a_worker_are_messages():
    for text in ("Torch worker started.", "{x", "[1]", '{"a": NaN}', '  File "x", line 1'):
        (line,) = written(java(message=text))
        assert (line["logger"], line["message"]) == ("worker", text)


def test_what_is_not_json_is_wrapped():
    (line,) = written('WARNING: "x" is used')
    assert (line["level"], line["logger"], line["message"]) == ("info", "torchserve", 'WARNING: "x" is used')
    assert line["time"].endswith("+00:00")


def test_print_writes_a_line_for_each_line():
    stream = io.BytesIO()
    log = JsonLog(stream)
    print("one", "two", file=log)
    print("three", end="\nfo", file=log)
    print("ur", file=log)
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["one two", "three", "four"]


@given(st.lists(st.text() | st.sampled_from(["{", "}", '"', "\\", '{"level":', "NaN", "[" * 100_000]), max_size=8))
def test_whatever_is_printed_each_line_is_json_with_the_same_fields(parts):
    text = "".join(parts)
    for line in written(text, java(message=text), '{"level": "info", "x": ' + text):
        assert {"time", "level", "logger", "message"} <= line.keys()


def test_lines_below_the_level_are_left_out_and_the_level_can_be_changed():
    stream = io.BytesIO()
    log = JsonLog(stream, "warning")
    log.line(java(level="info", message="one"))
    log.line(java(level="error", message="two"))
    log.change_level(-1)
    log.line(java(level="info", message="three"))
    for _ in range(3):
        log.change_level(1)
    log.event("warning", "torchserve", "four", {})
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    changed = "the log level was changed"
    assert [line["message"] for line in told] == ["two", changed, "three", *[changed] * 3]
    assert [line["log_level"] for line in told if "log_level" in line] == ["info", "warning", "error", "error"]


def test_the_output_of_the_server_is_in_the_log_to_its_last_line(tmp_path):
    script = "import sys; print('out'); print('err', file=sys.stderr); print('x' * 3_000_000 + 'end')"
    stream = io.BytesIO()
    assert server_process.run([sys.executable, "-c", script], os.environ, tmp_path, {}, "", log=JsonLog(stream)) == 0
    messages = [json.loads(line)["message"] for line in stream.getvalue().splitlines()]
    assert {"out", "err"} <= set(messages)
    assert "".join(messages).count("x") == 3_000_000
    assert max(map(len, messages)) <= log_lines.LONGEST
    assert messages[-1].endswith("end") or messages[-1] == "err"


def test_signals_change_the_level_while_the_server_runs(tmp_path):
    """The server is a program that sends them to its parent, which is this process."""
    script = (
        "import os, signal, time\n"
        "for number in (signal.SIGUSR1, signal.SIGUSR2):\n"
        "    os.kill(os.getppid(), number)\n"
        "    time.sleep(0.3)\n"
    )
    stream = io.BytesIO()
    server_process.run([sys.executable, "-c", script], os.environ, tmp_path, {}, "", log=JsonLog(stream))
    assert [json.loads(line)["log_level"] for line in stream.getvalue().splitlines()] == ["debug", "info"]
