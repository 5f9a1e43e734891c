"""How the shell command shows a worker's messages. Standard library only."""

from __future__ import annotations

import sys
from typing import TextIO

from .progress import duration, stage_name
from .protocol import Done, EngineStatus, Failed, JobCancelled, Message, Progress, Ready, Warned, encode


class Console:
    """Shows messages: one line that is written over on a terminal, plain lines elsewhere, or JSON lines.

    Results and JSON go to ``out``, progress and errors to ``err``.
    """

    def __init__(
        self, json_lines: bool = False, verbose: bool = False, out: TextIO | None = None, err: TextIO | None = None
    ) -> None:
        self._json = json_lines
        self.verbose = verbose
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self._width = 0
        self._stage = ""
        self._log = ""

    @property
    def _on_terminal(self) -> bool:
        """Whether progress is one line that is written over."""
        return self._err.isatty() and not self.verbose

    def show(self, message: Message) -> None:
        """Show one message."""
        if self._json:
            print(encode(message), file=self._out, flush=True)
            return
        if isinstance(message, Progress):
            self._progress(message)
        elif isinstance(message, Ready):
            self._log = message.log
            if self.verbose:
                self._line(f"Log: {message.log}")
        elif isinstance(message, Warned):
            self._line(f"Note: {message.message}")
        elif isinstance(message, EngineStatus):
            self._status(message)
        else:
            self._final(message)

    def told(self, text: str) -> None:
        """A result for the person; nothing where JSON is written."""
        if not self._json:
            self._clear()
            print(text, file=self._out, flush=True)

    def note(self, text: str) -> None:
        """Something on the way; nothing where JSON is written."""
        if not self._json:
            self._line(text)

    def error(self, message: str, remedy: str = "", log: str = "") -> None:
        """What happened, what to do, where the log is; with JSON, as a `Failed` line."""
        if self._json:
            print(encode(Failed(message=message, remedy=remedy, log=log)), file=self._out, flush=True)
            return
        self._line(f"Error: {message}")
        if remedy:
            self._line(remedy)
        if log:
            self._line(f"Log: {log}")

    def _final(self, message: Message) -> None:
        if isinstance(message, Done):
            self.told(f"Done in {duration(message.seconds)}: {message.result}")
        elif isinstance(message, JobCancelled):
            self._line("Cancelled. No results were written.")
        elif isinstance(message, Failed):
            self.error(message.message, message.remedy, message.log)

    def _progress(self, message: Progress) -> None:
        text = progress_text(message, self.verbose)
        if self._on_terminal:
            self._clear()
            self._err.write(text)
            self._err.flush()
            self._width = len(text)
        elif self.verbose or message.stage != self._stage:
            self._line(text)
        self._stage = message.stage

    def _status(self, message: EngineStatus) -> None:
        for line in message.lines:
            mark = "ok" if line["ok"] else "no"
            self.told(f"{mark}  {line['name']}: {line['detail']}")
            if line["remedy"] and not line["ok"]:
                self.told(f"    {line['remedy']}")
        self.told("The engine works." if message.ok else "The engine does not work yet.")

    def _line(self, text: str) -> None:
        self._clear()
        print(text, file=self._err, flush=True)

    def _clear(self) -> None:
        if self._width:
            self._err.write("\r" + " " * self._width + "\r")
            self._err.flush()
            self._width = 0


def progress_text(message: Progress, with_loss: bool = False) -> str:
    """One line: percent, stage, step, loss if wanted, time left if known."""
    parts = [f"{100 * message.fraction:3.0f} %  {stage_name(message.stage)}"]
    if message.steps > 1:
        parts.append(f"{message.step} of {message.steps}")
    if with_loss and message.loss is not None:
        parts.append(f"loss {message.loss:.6g}")
    if message.seconds_left >= 0:
        parts.append(f"about {duration(message.seconds_left)} left")
    return ", ".join(parts)
