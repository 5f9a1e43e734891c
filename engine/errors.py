"""Errors that are written for the person who meets them."""

from __future__ import annotations


class EngineError(Exception):
    """Something the person can act on.

    ``message`` is one short sentence that says what happened, ``remedy`` one that says what to do. The traceback goes
    to the log; a panel or a shell shows these two.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class PhotoError(EngineError):
    """A photo cannot be read, is too small or too large, or shows no face.

    ``photo`` is its path, as far as who caught it knew it; empty where it did not.
    """

    photo = ""


class FaceModelError(EngineError):
    """The files of a face model are missing or not what was expected."""


class RenderError(EngineError):
    """No differentiable renderer can be started on this machine, or it failed."""


class OutputError(EngineError):
    """A result cannot be written."""


class SettingsError(EngineError):
    """A setting is unknown or out of range."""


class DownloadError(EngineError):
    """A file that the person agreed to download could not be had."""


class CheckpointError(EngineError):
    """A checkpoint cannot be read, is not one, or does not fit the run."""


class Cancelled(Exception):
    """The person asked for the job to end. Not an error: nothing is reported but the fact."""
