"""Downloads of model files that a person agreed to: checked, resumed where they were cut off, whole or not there at all.

Standard library only.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import IO

from .errors import DownloadError

# Seconds without any answer after which a connection counts as lost.
SILENCE_SECONDS = 15.0
_CHUNK = 1 << 18
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

# Called with the bytes that are there and the bytes of the whole (0: unknown). May raise `Cancelled`.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class RemoteFile:
    """A file with a fixed content: its ``name``, where it is (https), and the hexadecimal SHA-256 of its bytes."""

    name: str
    address: str
    sha256: str


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(remote: RemoteFile, folder: Path, progress: Progress) -> Path:
    """Fetch ``remote`` into ``folder`` and return its path.

    The bytes go to a ``.part`` file, which a later call goes on with, and get the file's name once they have its SHA-256.

    Raises:
        DownloadError: the address does not answer, the connection breaks, the disk is full, or the bytes are others.
        Cancelled: by ``progress``.
    """
    _check_address(remote.address)
    part = folder / f"{remote.name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _fetch(remote, part, progress)
        _accept(remote, part, folder / remote.name)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise DownloadError(
            f"{remote.name} could not be downloaded: {_reason(error)}.", _by_hand(remote, folder)
        ) from error
    except OSError as error:
        why = error.strerror or str(error)
        raise DownloadError(
            f"{remote.name} could not be stored in {folder}: {why}.", "Make room, or choose another folder."
        ) from error
    return folder / remote.name


def _check_address(address: str) -> None:
    """Only https, so that nobody on the way learns of it or changes it; this computer itself needs none."""
    parts = urllib.parse.urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise DownloadError(f"{address} is not a safe address.", "Only addresses that begin with https:// are used.")


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to safe addresses only."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        """As the base class, after a look at the new address."""
        _check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _fetch(remote: RemoteFile, part: Path, progress: Progress) -> None:
    """Bring ``part`` up to the whole; what it has already is asked for only if the server cannot go on."""
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(remote.address, headers={"User-Agent": "nextgenface"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    opener = urllib.request.build_opener(_SafeRedirects())
    try:
        answer = opener.open(request, timeout=SILENCE_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:
            # Nothing is left to send: the whole is there, or the part is of something else, which its hash will tell.
            return
        raise
    with answer:
        goes_on = answer.status == 206
        have = have if goes_on else 0
        length = answer.headers.get("Content-Length")
        whole = have + int(length) if length else 0
        with part.open("ab" if goes_on else "wb") as file:
            have = _copy(answer, file, have, whole, progress)
    if whole and have < whole:
        raise ConnectionError(f"the connection broke off after {have / 1e6:.0f} of {whole / 1e6:.0f} MB")


def _copy(source: IO[bytes], target: IO[bytes], have: int, whole: int, progress: Progress) -> int:
    """Copy all of ``source``; the bytes that are there then."""
    progress(have, whole)
    while chunk := source.read(_CHUNK):
        target.write(chunk)
        have += len(chunk)
        progress(have, whole)
    target.flush()
    os.fsync(target.fileno())
    return have


def _accept(remote: RemoteFile, part: Path, path: Path) -> None:
    """Give the finished file its name if its bytes are the right ones, else delete it."""
    if sha256_of(part) != remote.sha256:
        with contextlib.suppress(OSError):
            part.unlink()
        raise DownloadError(
            f"What came as {remote.name} is not that file: its SHA-256 is another.",
            "Try again; if it stays so, somebody has changed the file or stands in the way.",
        )
    part.replace(path)


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code}"
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return f"no answer for {SILENCE_SECONDS:.0f} seconds"
    return str(reason).strip(".") or type(reason).__name__


def _by_hand(remote: RemoteFile, folder: Path) -> str:
    return f"Check the connection and try again, or download {remote.address} yourself and put it into {folder}."
