"""Downloads from a server in this process that hangs up and refuses as told."""

import hashlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from zslcore import InputError
from zslcore._io.downloads import fetch

CONTENT = bytes(range(256)) * 5000
HASH = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server():
    """A server of ``CONTENT``; ``cut``: bytes after which it hangs up, ``pause``: seconds before it answers."""

    class Handler(BaseHTTPRequestHandler):
        cut, status, pause, requests = None, 200, 0.0, 0

        def do_GET(self):
            Handler.requests += 1
            time.sleep(Handler.pause)
            if Handler.status != 200:
                self.send_error(Handler.status)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[: Handler.cut])

        def log_message(self, *_):
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    Handler.url = f"http://127.0.0.1:{running.server_port}/weights-{HASH[:8]}.pth"
    yield Handler
    running.shutdown()
    running.server_close()


def test_a_file_arrives_once_and_complete(server, tmp_path):
    path = fetch(server.url, tmp_path / "new" / "folder", sha256=HASH[:8])
    assert path == tmp_path / "new" / "folder" / f"weights-{HASH[:8]}.pth"
    assert path.read_bytes() == CONTENT
    assert fetch(server.url, path.parent, sha256=HASH[:8]) == path
    assert server.requests == 1
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_download_that_breaks_off_leaves_nothing(server, tmp_path):
    server.cut = 700_000
    with pytest.raises(InputError, match=rf"could not be downloaded \(.*\); you can put a copy at {tmp_path}"):
        fetch(server.url, tmp_path, sha256=HASH)
    assert not list(tmp_path.iterdir())
    server.cut = None
    assert fetch(server.url, tmp_path, sha256=HASH).read_bytes() == CONTENT


@pytest.mark.parametrize("status", [403, 404, 500])
def test_an_http_error(server, tmp_path, status):
    server.status = status
    message = rf"^{server.url} could not be downloaded \({status} .*\); you can put a copy at {tmp_path}"
    with pytest.raises(InputError, match=message):
        fetch(server.url, tmp_path, sha256=HASH)
    assert not list(tmp_path.iterdir())


def test_no_network(tmp_path):
    with pytest.raises(InputError, match=r"^http://127\.0\.0\.1:9/file\.pth could not be downloaded \(.*refused\)"):
        fetch("http://127.0.0.1:9/file.pth", tmp_path, sha256=HASH)
    assert not list(tmp_path.iterdir())


def test_a_wrong_hash(server, tmp_path):
    with pytest.raises(InputError, match=r'could not be downloaded \(invalid hash value \(expected "0000", got'):
        fetch(server.url, tmp_path, sha256="0000")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"other weights", CONTENT[:-1], b""], ids=["other", "cut", "empty"])
def test_an_existing_file_is_checked(server, tmp_path, content):
    path = tmp_path / f"weights-{HASH[:8]}.pth"
    path.write_bytes(content)
    message = rf"^{path} must have the SHA-256 {HASH[:8]}, got \w{{16}}: delete it to download it again$"
    with pytest.raises(InputError, match=message):
        fetch(server.url, tmp_path, sha256=HASH[:8])
    assert path.read_bytes() == content
    assert not server.requests


def test_of_several_callers_one_downloads(server, tmp_path):
    server.pause = 0.2
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: fetch(server.url, tmp_path, sha256=HASH), range(4)))
    assert server.requests == 1
    assert {path.read_bytes() for path in paths} == {CONTENT}
    assert list(tmp_path.iterdir()) == [paths[0]]


@pytest.mark.parametrize(("variable", "shown"), [("0", True), ("1", False)])
def test_progress_follows_the_variable(server, tmp_path, monkeypatch, capsys, variable, shown):
    monkeypatch.setenv("TQDM_DISABLE", variable)
    fetch(server.url, tmp_path, sha256=HASH)
    assert ("%" in capsys.readouterr().err) is shown
