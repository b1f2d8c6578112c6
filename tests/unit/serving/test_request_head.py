"""Which requests reach TorchServe: those of programs, never those of web pages."""

import pytest

import request_head
from request_head import RefusedError


def head(*lines, start="POST /models?url=x HTTP/1.1"):
    return "\r\n".join([start, *lines, "", ""]).encode("latin-1")


def judge(*lines, allowed=()):
    request_head.require_program(request_head.parse(head(*lines)).fields, allowed)


@pytest.mark.parametrize(
    "lines",
    [
        ["Host: 127.0.0.1:8086"],
        ["Host: localhost:8086", "Sec-Fetch-Site: none"],  # an address that a person typed
        ["Host: [::1]:8086"],
        ["Host: 192.0.2.7"],
        ["host:LOCALHOST."],
        [],  # HTTP/1.0; every browser names a host
    ],
)
def test_a_program_on_this_machine_is_let_through(lines):
    judge(*lines)


@pytest.mark.parametrize(
    "lines",
    [
        ["Host: 127.0.0.1:8086", "Origin: https://page.example"],
        ["Host: 127.0.0.1:8086", "Origin: null"],  # a sandboxed frame
        ["Host: 127.0.0.1:8086", "Origin: http://127.0.0.1:8086"],
        ["Host: 127.0.0.1:8086", "Sec-Fetch-Site: cross-site"],  # a picture, a link
        ["Host: 127.0.0.1:8086", "sec-fetch-site: same-origin"],
        ["Host: rebound.example:8086"],
        ["Host: torchserve:8086"],
        ["Host: localhost.page.example"],
        ["Host: 127.0.0.1.page.example:8086"],
        ["Host: page.example:8086:127.0.0.1"],
        ["Host: " + "." * 9000],
        ["Host:"],
    ],
)
def test_what_a_web_page_may_have_sent_is_refused(lines):
    with pytest.raises(RefusedError) as refused:
        judge(*lines)
    assert refused.value.status == 403


def test_the_names_of_the_setting_are_let_through():
    judge("Host: torchserve:8085", allowed={"torchserve"})
    with pytest.raises(RefusedError):
        judge("Host: torchserve-green:8085", allowed={"torchserve"})


def test_the_setting_is_a_list_of_names():
    assert request_head.split(" torchserve, ,Example.org,") == {"torchserve", "example.org"}


@pytest.mark.parametrize(
    ("lines", "length"),
    [([], 0), (["Content-Length: 17"], 17), (["Transfer-Encoding: Chunked"], None), (["content-length:\t5 "], 5)],
)
def test_the_length_of_a_body_is_known(lines, length):
    assert request_head.parse(head(*lines)).length == length


@pytest.mark.parametrize(
    "damaged",
    [
        head("Content-Length: 5", "Transfer-Encoding: chunked"),
        head("Transfer-Encoding: gzip, chunked"),
        head("Content-Length: 5", "Content-Length: 5"),
        head("Content-Length: +5"),
        head("Content-Length: 5,5"),
        head("Content-Length : 5"),
        head(" Content-Length: 5"),
        head("Host: a", "Host: localhost"),
        head("Origin"),
        head("X: a\nOrigin: https://page.example"),
        head("X: a\n\nPOST /models HTTP/1.1"),
        head("X: \x00"),
        head(start="GET http://localhost/models HTTP/1.1"),
        head(start="PRI * HTTP/2.0"),
        head(start="get /models HTTP/1.1"),
        head(start="GET /a b HTTP/1.1"),
    ],
)
def test_a_head_that_two_parsers_could_read_in_two_ways_is_refused(damaged):
    with pytest.raises(RefusedError) as refused:
        request_head.parse(damaged)
    assert refused.value.status == 400
