import httpx
import pytest

from ops.errors import OpsError
from ops.predict import credentials, sources

NETRC = """machine camera login admin password p@ss:/#?%
machine 192.168.7.9
  login gate
  password secret
"""


def found(tmp_path, *urls, text=NETRC):
    file = tmp_path / "netrc"
    file.write_text(text)
    return credentials.add_credentials(sources.find(urls), file)


def test_the_user_of_a_host_comes_from_the_file_and_appears_in_no_name(tmp_path):
    camera, gate, other = found(tmp_path, "http://camera:8080/a.jpg", "https://192.168.7.9/", "http://other/b.jpg")
    assert (httpx.URL(camera.url).username, httpx.URL(camera.url).password) == ("admin", "p@ss:/#?%")
    assert (httpx.URL(camera.url).host, httpx.URL(camera.url).port) == ("camera", 8080)
    assert httpx.URL(gate.url).userinfo == b"gate:secret"
    assert other.url == "http://other/b.jpg"
    assert [item.name for item in (camera, gate)] == ["http://camera:8080/a.jpg", "https://192.168.7.9/"]
    assert "ss" not in str(camera.place)


def test_a_url_keeps_its_own_user(tmp_path):
    (item,) = found(tmp_path, "http://me:mine@camera/a.jpg")
    assert item.url == "http://me:mine@camera/a.jpg"


def test_pictures_on_disk_are_left_alone(tmp_path):
    (tmp_path / "a.jpg").touch()
    (item,) = found(tmp_path, str(tmp_path / "a.jpg"))
    assert item.url is None


@pytest.mark.parametrize("text", ["machine camera login admin secret-word", "secret-word"])
def test_a_file_that_cannot_be_read_is_named_without_its_contents(tmp_path, text):
    with pytest.raises(OpsError, match=r"--netrc-file .*machine HOST login USER") as caught:
        found(tmp_path, "http://camera/a.jpg", text=text)
    assert "secret-word" not in str(caught.value)
    with pytest.raises(OpsError, match="No such file"):
        credentials.add_credentials([], tmp_path / "absent")
