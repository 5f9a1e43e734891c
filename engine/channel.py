"""Writes events, one whole line at a time, from any thread."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from .protocol import Message, encode


class Channel:
    """The worker's way out. ``on_broken`` is called when the reader is gone."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        # Reentrant: a signal's handler may run while this thread is sending.
        self._lock = threading.RLock()
        self.on_broken: Callable[[], None] = lambda: None

    def send(self, message: Message) -> None:
        """Write one event; waits while the pipe is full."""
        rest = (encode(message) + "\n").encode("utf-8")
        try:
            with self._lock:
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            self.on_broken()
