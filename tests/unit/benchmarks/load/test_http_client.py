import asyncio

import pytest

from benchmarks.load.http_client import Connection, RequestFailed, send_once
from tests.unit.benchmarks.load.connections import serving

BODY = b'{"a": 1}'


def response(*headers, status=b"200 OK", body=BODY):
    return b"\r\n".join([b"HTTP/1.1 " + status, *headers, b"", body])


def exchange(*pieces, close=False):
    """Send a request to a server that responds with these pieces; return the answer, and if the connection lives."""

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if not close:
            await reader.read()

    async def main():
        async with serving(serve) as target:
            connection = await Connection.open(target.host, target.port)
            try:
                async with asyncio.timeout(5):
                    return await connection.send(b"POST / HTTP/1.1\r\n\r\n"), connection.alive
            finally:
                connection.close()

    return asyncio.run(main())


def test_a_response_with_a_length_is_complete_with_its_last_byte():
    whole = response(b"Content-Length: 8")
    answer, alive = exchange(*(whole[at : at + 1] for at in range(len(whole))))
    assert (answer.status, answer.body, alive) == (200, BODY, True)
    with pytest.raises(RequestFailed, match="closed"):
        exchange(whole[:-1], close=True)


def test_the_chunks_of_a_response_are_joined():
    answer, _ = exchange(response(b"transfer-encoding: chunked", body=b'4;x=y\r\n{"a"\r\n4\r\n: 1}\r\n0\r\n\r\n'))
    assert answer.body == BODY


def test_a_connection_that_the_server_wants_to_close_is_not_kept():
    _, alive = exchange(response(b"Content-Length: 8", b"Connection: Close"))
    assert not alive


def test_an_error_status_is_an_answer():
    answer, _ = exchange(response(b"Content-Length: 8", status=b"503 Service Unavailable"))
    assert answer.status == 503


def test_the_headers_of_an_answer_are_kept_in_lower_case():
    answer, _ = exchange(response(b"Content-Length: 8", b"X-Cache: HIT"))
    assert answer.headers["x-cache"] == "HIT"


@pytest.mark.parametrize("bad", [b"SSH-2.0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 70_000])
def test_an_invalid_response_is_refused(bad):
    with pytest.raises(RequestFailed):
        exchange(bad, close=True)


def test_a_server_that_does_not_answer_in_time_is_a_timeout(tmp_path):
    image = tmp_path / "a.jpg"
    image.touch()

    async def silent(reader, writer):
        await reader.read()

    async def main():
        async with serving(silent) as target:
            await send_once(target, image, 0.1)

    with pytest.raises(TimeoutError):
        asyncio.run(main())
