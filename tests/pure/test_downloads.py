"""Downloads come whole or not at all, go on where they were cut off, and fail soon, from a server on this machine."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from nextgenface.engine import downloads
from nextgenface.engine.downloads import RemoteFile, download
from nextgenface.engine.errors import Cancelled, DownloadError

CONTENT = bytes(range(256)) * 8192


class Server(ThreadingHTTPServer):
    """Sends ``CONTENT``; what goes wrong is set by attributes. ``asked`` has every request's Range header."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.cut_after, self.ranges, self.status, self.redirect = None, True, 200, ""
        self.asked = []

    def file(self, content=CONTENT):
        digest = hashlib.sha256(content).hexdigest()
        return RemoteFile("weights.pth", f"http://127.0.0.1:{self.server_port}/weights.pth", digest)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append(wanted)
        if server.redirect:
            self.send_response(302)
            self.send_header("Location", server.redirect)
            self.end_headers()
            return
        if server.status != 200:
            self.send_error(server.status)
            return
        start = int(wanted[6:-1]) if wanted and server.ranges else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(CONTENT[start : server.cut_after])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    made = Server()
    thread = threading.Thread(target=made.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join(5)


def nothing(have, whole):
    pass


def test_a_file_comes_whole_and_tells_how_far_it_is(server, tmp_path):
    told = []
    path = download(server.file(), tmp_path / "new" / "folder", lambda *state: told.append(state))
    assert path == tmp_path / "new" / "folder" / "weights.pth" and path.read_bytes() == CONTENT
    assert told[0] == (0, len(CONTENT)) and told[-1] == (len(CONTENT), len(CONTENT))
    assert [have for have, _ in told] == sorted(have for have, _ in told)
    assert [entry.name for entry in path.parent.iterdir()] == ["weights.pth"]


def test_after_a_cut_it_goes_on_where_it_stopped(server, tmp_path):
    server.cut_after = 700_000
    with pytest.raises(DownloadError, match="could not be downloaded") as caught:
        download(server.file(), tmp_path, nothing)
    assert "broke off" in caught.value.message and str(tmp_path) in caught.value.remedy
    assert not (tmp_path / "weights.pth").exists()
    have = (tmp_path / "weights.pth.part").stat().st_size
    assert have == 700_000
    server.cut_after = None
    assert download(server.file(), tmp_path, nothing).read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={have}-"]


def test_a_server_that_cannot_go_on_sends_all_again(server, tmp_path):
    (tmp_path / "weights.pth.part").write_bytes(b"something else")
    server.ranges = False
    told = []
    assert download(server.file(), tmp_path, lambda *state: told.append(state)).read_bytes() == CONTENT
    assert told[0] == (0, len(CONTENT)) and told[-1] == (len(CONTENT), len(CONTENT))


def test_a_part_that_is_the_whole_already_is_taken(server, tmp_path):
    (tmp_path / "weights.pth.part").write_bytes(CONTENT)
    assert download(server.file(), tmp_path, nothing).read_bytes() == CONTENT


@pytest.mark.parametrize("start", [b"", b"not its beginning"])
def test_another_content_is_refused_and_removed(server, tmp_path, start):
    """Also where only the part that was there before is wrong: the next call then gets it right."""
    if start:
        (tmp_path / "weights.pth.part").write_bytes(start)
    remote = server.file() if start else server.file(b"what was expected")
    with pytest.raises(DownloadError, match="SHA-256"):
        download(remote, tmp_path, nothing)
    assert list(tmp_path.iterdir()) == []
    if start:
        assert download(remote, tmp_path, nothing).read_bytes() == CONTENT


def test_what_the_server_answers_is_told(server, tmp_path):
    server.status = 404
    with pytest.raises(DownloadError, match="the server answered 404"):
        download(server.file(), tmp_path, nothing)
    assert list(tmp_path.iterdir()) == []


def test_without_a_server_it_fails_at_once(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    begin = time.monotonic()
    with pytest.raises(DownloadError) as caught:
        download(RemoteFile("w.pth", f"http://127.0.0.1:{port}/w.pth", "0"), tmp_path, nothing)
    assert time.monotonic() - begin < 5.0
    assert f"http://127.0.0.1:{port}/w.pth" in caught.value.remedy


def test_a_server_that_says_nothing_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "SILENCE_SECONDS", 0.3)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        begin = time.monotonic()
        with pytest.raises(DownloadError, match="no answer"):
            download(RemoteFile("w.pth", f"http://127.0.0.1:{silent.getsockname()[1]}/", "0"), tmp_path, nothing)
    assert time.monotonic() - begin < 5.0


def test_a_host_that_is_not_there(tmp_path):
    with pytest.raises(DownloadError, match="could not be downloaded"):
        download(RemoteFile("w.pth", "https://weights.invalid/w.pth", "0"), tmp_path, nothing)


@pytest.mark.parametrize("address", ["http://example.org/w.pth", "ftp://example.org/w.pth", "file:///etc/passwd"])
def test_only_safe_addresses_are_used(server, tmp_path, address):
    with pytest.raises(DownloadError, match="not a safe address"):
        download(RemoteFile("w.pth", address, "0"), tmp_path, nothing)
    server.redirect = address
    # Python's own handler stops before ours at files.
    with pytest.raises(DownloadError, match="answered 302" if address.startswith("file") else "not a safe address"):
        download(server.file(), tmp_path, nothing)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told(server, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(downloads, "_copy", full)
    with pytest.raises(DownloadError, match=r"could not be stored .*No space left"):
        download(server.file(), tmp_path, nothing)


def test_a_cancel_ends_it_and_keeps_what_is_there(server, tmp_path):
    def impatient(have, whole):
        if have > 0:
            raise Cancelled

    with pytest.raises(Cancelled):
        download(server.file(), tmp_path, impatient)
    assert not (tmp_path / "weights.pth").exists()
    assert download(server.file(), tmp_path, nothing).read_bytes() == CONTENT
    assert server.asked[1].startswith("bytes=")
