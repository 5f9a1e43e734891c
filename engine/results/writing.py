"""Results appear whole or not at all.

Files are written in a hidden folder inside the output folder (so on the same file system, whatever is mounted where)
and renamed into place when all are there, ``result.json`` last. Results of an earlier run stay until then. A process
that dies leaves its hidden folder, which the next run, or `clean_up`, removes, or finishes if it was already whole.
Standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from ..errors import OutputError
from ..folders import OwnedFolder, abandoned, delete
from ..plain_json import parsed, read_text

RESULT_NAME = "result.json"
# The folder in the output folder where finished stages are kept; it outlives a run that fails later.
CHECKPOINTS = "checkpoints"
_PREFIX = ".nextgenface-partial-"
_FILES, _OLD, _WHOLE, _MADE = "files", "old", "whole", "made.json"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) if hasattr(errno, "EDQUOT") else (errno.ENOSPC, errno.EFBIG)
# Held while files are exchanged, so that no other thread ends the process in the middle.
_exchanging = threading.Lock()
_open: set[ResultFolder] = set()
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextlib.contextmanager
def told_as_output_error(folder: Path) -> Iterator[None]:
    """Turn an OSError of the block into an `OutputError` that names ``folder``."""
    if "\0" in str(folder):
        raise OutputError("The output folder's name has a character that no name can have.", "Choose another folder.")
    try:
        yield
    except OSError as error:
        raise output_error(folder, error) from error


def output_error(folder: Path, error: OSError) -> OutputError:
    """What to tell a person whose results cannot be written to ``folder``."""
    if error.errno in _FULL:
        return OutputError(
            f"The disk is full: the results cannot be written to '{folder}'.", "Make room or choose another folder."
        )
    if error.errno in _REFUSED:
        return OutputError(
            f"The folder '{folder}' cannot be written to.", "Choose another folder, or change its permissions."
        )
    reason = error.strerror or str(error)
    return OutputError(f"The results cannot be written to '{folder}': {reason}.", "Choose another folder.")


def check_output(folder: Path, needed_bytes: int = 0) -> None:
    """Find out whether results can be written to ``folder``, and leave everything as it was.

    Raises:
        OutputError: the folder cannot be made or written, or its disk has less room than ``needed_bytes``.
    """
    with told_as_output_error(folder):
        clean_up(folder)
        made = _make(folder)
        try:
            OwnedFolder(folder, _PREFIX).remove()
            free = shutil.disk_usage(folder).free
        finally:
            _unmake(made)
    if free < needed_bytes:
        raise OutputError(
            f"The disk of '{folder}' has only {_megabytes(free)} free; about {_megabytes(needed_bytes)} are needed.",
            "Make room or choose another folder.",
        )


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.0f} MB"


class ResultFolder:
    """``with ResultFolder(output) as folder``: write into ``folder.path``; the end of the block puts all in place.

    Leaving it with an error (a cancel too) removes every trace and keeps what an earlier run had left.
    """

    def __init__(self, output: Path, beside: bool = False) -> None:
        """``beside``: the files are no new result, so those of a result that is there stay."""
        self.output = output
        self._beside = beside
        self.path = output
        self._made: list[Path] = []
        self._owned: OwnedFolder | None = None

    def __enter__(self) -> ResultFolder:
        with told_as_output_error(self.output):
            clean_up(self.output)
            try:
                self._made = _make(self.output)
                self._owned = OwnedFolder(self.output, _PREFIX)
                self.path = self._owned.path / _FILES
                self.path.mkdir()
                (self._owned.path / _MADE).write_text(json.dumps([str(path) for path in self._made]), "utf-8")
            except OSError:
                self._discard()
                raise
        _open.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None:
                with told_as_output_error(self.output), _exchanging:
                    self._commit()
                self._made = []
            elif isinstance(error, OSError):
                raise output_error(self.output, error) from error
        finally:
            _open.discard(self)
            self._discard()

    def _commit(self) -> None:
        assert self._owned is not None
        root = self._owned.path
        (root / _OLD).mkdir()
        earlier = set() if self._beside else _files_of_earlier_result(self.output)
        outdated = earlier - {path.name for path in self.path.iterdir()}
        _sync(self.path)
        (root / _WHOLE).touch()
        _move_in(root, self.output, outdated)

    def _discard(self) -> None:
        if self._owned is not None:
            self._owned.remove()
        _unmake(self._made)


def give_up_open_results(seconds: float = 10.0) -> None:
    """Remove the unfinished results of all threads, because the process ends; none can be finished after this."""
    # Not released again. If it cannot be had, files are being exchanged, and the next run will finish that.
    if _exchanging.acquire(timeout=seconds):
        for folder in list(_open):
            folder._discard()


def _sync(folder: Path) -> None:
    """Have the files on the disk before the first old one gives way; a full disk shows here at the latest."""
    for path in folder.iterdir():
        descriptor = os.open(path, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _move_in(root: Path, output: Path, outdated: set[str]) -> None:
    """Exchange the old files for the new ones; put everything back if one cannot be exchanged.

    The old ``result.json`` goes first and the new one comes last, so that there is none while the files are mixed.
    """
    new = sorted((path.name for path in (root / _FILES).iterdir()), key=lambda name: (name == RESULT_NAME, name))
    old = sorted({*new, *outdated}, key=lambda name: (name != RESULT_NAME, name))
    undo: list[tuple[Path, Path]] = []
    try:
        for name in old:
            if (output / name).exists():
                _rename(output / name, root / _OLD / name, undo)
        for name in new:
            _rename(root / _FILES / name, output / name, undo)
    except OSError:
        (root / _WHOLE).unlink(missing_ok=True)
        for source, target in reversed(undo):
            target.replace(source)
        raise


def _rename(source: Path, target: Path, undo: list[tuple[Path, Path]]) -> None:
    source.replace(target)
    undo.append((source, target))


def _files_of_earlier_result(output: Path) -> set[str]:
    """Names in ``output`` that an earlier result.json speaks of; only plain ones, so nothing outside is touched."""
    try:
        values = parsed(read_text(output / RESULT_NAME))
        texts = [value for part in (values, *values["photos"]) for value in part.values() if isinstance(value, str)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()
    # A mesh's material file goes with it.
    texts += [str(Path(text).with_suffix(".mtl")) for text in texts if text.endswith(".obj")]
    return {text for text in texts if text and Path(text).name == text and (output / text).is_file()}


def clean_up(output: Path) -> None:
    """Remove what a dead process left half-written in ``output`` and in its checkpoints; what was whole is put in place.

    Raises OSError only where whole results cannot be put in place.
    """
    for root in [*abandoned(output / CHECKPOINTS, _PREFIX), *abandoned(output, _PREFIX)]:
        whole = (root / _WHOLE).exists()
        if whole:
            (root / _OLD).mkdir(exist_ok=True)
            _move_in(root, root.parent, set())
        made = [] if whole else _made_by(root)
        delete(root)
        _unmake(made)


def _made_by(root: Path) -> list[Path]:
    """The folders that a dead process had made for its output; only such as can be, so nothing elsewhere is touched."""
    try:
        made = [Path(text) for text in parsed(read_text(root / _MADE))]
    except (OSError, ValueError, TypeError):
        return []
    return [path for path in made if path == root.parent or path in root.parent.parents]


def _make(folder: Path) -> list[Path]:
    """Make ``folder`` and its missing parents; the folders made, outermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    made: list[Path] = []
    try:
        for path in reversed(missing):
            path.mkdir()
            made.append(path)
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "there is a file of this name", str(folder))
    except OSError:
        _unmake(made)
        raise
    return made


def _unmake(made: list[Path]) -> None:
    """Remove folders that this run made, as far as they are still empty."""
    for path in reversed(made):
        with contextlib.suppress(OSError):
            path.rmdir()
