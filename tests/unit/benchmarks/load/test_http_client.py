import pytest

from benchmarks.load.http_client import Target, parse

BODY = b'{"a": 1}'


def response(*headers, status=b"200 OK", body=BODY):
    return bytearray(b"\r\n".join([b"HTTP/1.1 " + status, *headers, b"", body]))


def test_a_response_with_a_length_is_complete_with_its_last_byte():
    whole = response(b"Content-Length: 8")
    for cut in range(len(whole)):
        assert parse(whole[:cut]) is None
    answer, keep = parse(whole)
    assert (answer.status, answer.body, keep) == (200, BODY, True)


def test_a_chunked_response_is_put_together():
    whole = response(b"transfer-encoding: chunked", body=b'4;x=y\r\n{"a"\r\n4\r\n: 1}\r\n0\r\n\r\n')
    assert parse(whole[:-2]) is None
    assert parse(whole)[0].body == BODY


def test_a_server_that_wants_to_close_is_not_asked_again():
    assert parse(response(b"Content-Length: 8", b"Connection: Close"))[1] is False


def test_an_error_status_is_an_answer():
    assert parse(response(b"Content-Length: 8", status=b"503 Service Unavailable"))[0].status == 503


@pytest.mark.parametrize("bad", [b"SSH-2.0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 70_000])
def test_what_is_no_response_is_refused(bad):
    with pytest.raises(ValueError):
        parse(bytearray(bad))


def test_a_raw_request_carries_the_picture_as_it_is(tmp_path):
    picture = tmp_path / "a.jpg"
    picture.write_bytes(b"\xff\xd8 pixels")
    head, _, body = Target(8085, "/predictions/yolo").request(picture).partition(b"\r\n\r\n")
    assert head.startswith(b"POST /predictions/yolo HTTP/1.1\r\nHost: 127.0.0.1:8085\r\n")
    assert b"Content-Length: 9" in head
    assert body == b"\xff\xd8 pixels"


def test_a_form_s_length_counts_its_boundaries(tmp_path):
    picture = tmp_path / "a.jpg"
    picture.write_bytes(b"pixels")
    head, _, body = Target(8001, "/predict", "file").request(picture).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert b'name="file"; filename="picture.jpg"' in body
    assert body.endswith(b"--\r\n")


def test_headers_of_a_target_are_sent_and_those_of_an_answer_kept(tmp_path):
    picture = tmp_path / "a.jpg"
    picture.write_bytes(b"pixels")
    target = Target(8001, "/predict", headers=(("X-API-Key", "k"), ("Origin", "https://a.b")))
    head, _, body = target.request(picture, b"more").partition(b"\r\n\r\n")
    assert head.endswith(b"\r\nX-API-Key: k\r\nOrigin: https://a.b")
    assert body == b"pixelsmore"
    answer, _ = parse(response(b"Content-Length: 8", b"X-Cache: HIT"))
    assert answer.headers["x-cache"] == "HIT"
