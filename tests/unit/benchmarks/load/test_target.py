import pytest

from benchmarks.load.target import Target


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\xff\xd8 pixels")
    return path


def test_a_raw_request_carries_the_image_as_it_is(image):
    head, _, body = Target(8085, "/predictions/yolo").request(image).partition(b"\r\n\r\n")
    assert head.startswith(b"POST /predictions/yolo HTTP/1.1\r\nHost: 127.0.0.1:8085\r\n")
    assert b"Content-Length: 9" in head
    assert body == b"\xff\xd8 pixels"


def test_the_length_of_a_form_counts_its_boundaries(image):
    head, _, body = Target(8001, "/predict", "file").request(image).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert b'name="file"; filename="picture.jpg"' in body
    assert body.endswith(b"--\r\n")


def test_the_headers_of_a_target_are_sent(image):
    target = Target(8001, "/predict", headers=(("X-API-Key", "k"), ("Origin", "https://a.b")))
    head, _, body = target.request(image, b"more").partition(b"\r\n\r\n")
    assert head.endswith(b"\r\nX-API-Key: k\r\nOrigin: https://a.b")
    assert body == b"\xff\xd8 pixelsmore"
