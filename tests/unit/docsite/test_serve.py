"""The site is served to this machine alone."""

import socket
import threading
import urllib.request

import pytest
from docsite import serve


@pytest.fixture
def site(tmp_path):
    (tmp_path / "index.html").write_text("<p>the site")
    return tmp_path


def test_a_port_that_is_taken_is_replaced_by_a_free_one(site, capfd):
    with socket.socket() as other:
        other.bind((serve.LOCAL, 0))
        other.listen()
        taken = other.getsockname()[1]
        with serve.server(site, taken) as serving:
            threading.Thread(target=serving.handle_request).start()
            host, port = serving.server_address
            assert host == "127.0.0.1"
            assert port != taken
            assert urllib.request.urlopen(f"http://{host}:{port}/").read() == b"<p>the site"
    assert capfd.readouterr() == ("", "")


def test_a_site_that_is_not_built_is_one_line(tmp_path, capsys):
    assert serve.main(0, tmp_path) == 1
    assert "index.html; build the site first: make docs" in capsys.readouterr().err
