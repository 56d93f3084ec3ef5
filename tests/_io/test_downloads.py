"""Downloads from a server in this process that cuts, refuses and forgets as told."""

import hashlib
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from zslcore import InputError
from zslcore._io import downloads as module
from zslcore._io.downloads import fetch

CONTENT = bytes(range(256)) * 5000
HASH = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server():
    """A server of ``CONTENT``; ``cut``: bytes after which it hangs up, ``ranges``: whether it sends parts, ``pause``:
    seconds before it answers."""

    class Handler(BaseHTTPRequestHandler):
        cut, ranges, status, pause, asked = None, True, 200, 0.0, []

        def do_GET(self):
            Handler.asked.append(self.headers.get("Range"))
            time.sleep(Handler.pause)
            if Handler.status != 200:
                self.send_error(Handler.status)
                return
            begun = 0
            if Handler.ranges and self.headers.get("Range"):
                begun = int(re.fullmatch(r"bytes=(\d+)-", self.headers["Range"])[1])
                if begun >= len(CONTENT):
                    self.send_error(416)
                    return
            self.send_response(206 if begun else 200)
            self.send_header("Content-Length", str(len(CONTENT) - begun))
            self.end_headers()
            self.wfile.write(CONTENT[begun : Handler.cut])

        def log_message(self, *_):
            pass

    Handler.asked = []
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    Handler.url = f"http://127.0.0.1:{running.server_port}/weights-{HASH[:8]}.pth"
    yield Handler
    running.shutdown()
    running.server_close()


def test_a_file_arrives_once_and_whole(server, tmp_path):
    path = fetch(server.url, tmp_path / "new" / "folder", sha256=HASH[:8])
    assert path == tmp_path / "new" / "folder" / f"weights-{HASH[:8]}.pth"
    assert path.read_bytes() == CONTENT
    assert fetch(server.url, path.parent, sha256=HASH[:8]) == path
    assert server.asked == [None]
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_cut_download_goes_on_where_it_was(server, tmp_path, ranges):
    server.cut, server.ranges = 700_000, ranges
    with pytest.raises(InputError, match=r"could not be fetched: .*700,000 bytes are kept, and the next call resumes"):
        fetch(server.url, tmp_path, sha256=HASH)
    server.cut = None
    assert fetch(server.url, tmp_path, sha256=HASH).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=700000-"]
    assert len(list(tmp_path.iterdir())) == 1


def test_all_bytes_there_but_not_yet_under_the_name(server, tmp_path):
    (tmp_path / f"weights-{HASH[:8]}.pth.partial").write_bytes(CONTENT)
    assert fetch(server.url, tmp_path, sha256=HASH).read_bytes() == CONTENT


def test_a_part_of_another_file_is_found_out(server, tmp_path):
    (tmp_path / f"weights-{HASH[:8]}.pth.partial").write_bytes(b"other bytes")
    with pytest.raises(InputError, match=rf"SHA-256 \w{{16}}, where {HASH[:8]} is expected; it is removed$"):
        fetch(server.url, tmp_path, sha256=HASH[:8])
    assert not list(tmp_path.iterdir())
    assert fetch(server.url, tmp_path, sha256=HASH[:8]).read_bytes() == CONTENT


@pytest.mark.parametrize("status", [403, 404, 500])
def test_an_answer_that_is_no_file(server, tmp_path, status):
    server.status = status
    with pytest.raises(InputError, match=rf"{server.url} could not be fetched: {status} .*may be put at {tmp_path}"):
        fetch(server.url, tmp_path, sha256=HASH)
    assert not list(tmp_path.iterdir())


def test_nobody_answers(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT", 2)
    with pytest.raises(InputError, match=r"^http://127\.0\.0\.1:9/file\.pth could not be fetched: .*may be put at"):
        fetch("http://127.0.0.1:9/file.pth", tmp_path, sha256=HASH)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"other weights", CONTENT[:-1], b""], ids=["other", "cut", "empty"])
def test_a_file_already_there_is_checked(server, tmp_path, content):
    path = tmp_path / f"weights-{HASH[:8]}.pth"
    path.write_bytes(content)
    message = rf"^{path} has the SHA-256 \w{{16}}, where {HASH[:8]} is expected: delete it, and it is fetched anew$"
    with pytest.raises(InputError, match=message):
        fetch(server.url, tmp_path, sha256=HASH[:8])
    assert path.read_bytes() == content
    assert not server.asked


@pytest.mark.parametrize("begun", [0, 700_000])
def test_of_several_callers_one_downloads(server, tmp_path, begun):
    """Two that append to one ``.partial`` leave a mixture."""
    if begun:
        (tmp_path / f"weights-{HASH[:8]}.pth.partial").write_bytes(CONTENT[:begun])
    server.pause = 0.2
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: fetch(server.url, tmp_path, sha256=HASH), range(4)))
    assert len(server.asked) == 1
    assert {path.read_bytes() for path in paths} == {CONTENT}
    assert list(tmp_path.iterdir()) == [paths[0]]


def test_the_next_caller_resumes_what_the_one_before_it_left(server, tmp_path):
    server.cut, server.pause = 700_000, 0.2
    with ThreadPoolExecutor(2) as pool:
        attempts = [pool.submit(fetch, server.url, tmp_path, sha256=HASH) for _ in range(2)]
        errors = [str(attempt.exception()) for attempt in attempts]
    assert all("700,000 bytes are kept" in error for error in errors)
    assert server.asked == [None, "bytes=700000-"]
    server.cut = None
    assert fetch(server.url, tmp_path, sha256=HASH).read_bytes() == CONTENT
