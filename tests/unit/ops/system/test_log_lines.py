from ops.system.log_lines import readable


def test_people_read_the_level_the_message_and_the_rest_of_a_line():
    line = '{"time": "t", "level": "warning", "logger": "gateway", "message": "it failed", "status": 502}'
    assert readable(line) == "WARNING it failed status=502"


def test_a_traceback_has_its_lines_again():
    line = '{"level": "error", "message": "it failed", "exception": "Traceback:\\n  File \\"x\\""}'
    assert readable(line).splitlines() == ["ERROR it failed", "Traceback:", '  File "x"']


def test_a_line_that_is_no_json_object_stays_as_it_is():
    for line in ("torchserve: cannot listen", "{", "[1]", '{"a": 1}'):
        assert readable(line) == line
