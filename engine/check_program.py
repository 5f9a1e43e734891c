"""Run in a child process by `check`: ``python check_program.py <JSON list of sys.path> [--thorough]``.

Says ``trying NAME`` before each thing, and in its last line an `EngineStatus`. Ends when its standard input does.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from typing import TextIO


def main(search_path: str, *options: str) -> int:
    """Try everything; 0 whatever came of it."""
    # It lies beside this file, where Python looks first.
    worker = importlib.import_module("worker")
    sys.path[:] = json.loads(search_path)
    package = worker.engine_package()
    said = _private_output()
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def tell(text: str) -> None:
        print(text, file=said, flush=True)

    diagnosis = importlib.import_module(f"{package}.diagnosis")
    protocol = importlib.import_module(f"{package}.protocol")
    status = diagnosis.engine_status("--thorough" in options, lambda name: tell(f"trying {name}"))
    tell(protocol.encode(status))
    # Some libraries crash while they take themselves apart, which no longer matters.
    os._exit(0)


def _private_output() -> TextIO:
    """The real standard output; what libraries print goes to standard error, which is the log."""
    said = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return said


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
