# SPDX-License-Identifier: GPL-3.0-or-later
"""The search for faces that may run on the session's worker. Knows no Blender; nothing here is saved."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..engine.protocol import Done, Failed, JobCancelled, Message, PhotoSeen, Progress, Warned

SEARCHING = "Faces are being found. Wait a moment, or cancel it"


@dataclass
class Detection:
    """The latest search: what the panel shows of it, and what it has found and nobody has taken yet."""

    job: str = ""
    fraction: float = 0.0
    cancelling: bool = False
    seen: list[PhotoSeen] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    message: str = ""
    remedy: str = ""

    @property
    def is_running(self) -> bool:
        """True until the worker has said how it ended."""
        return bool(self.job)

    def take(self, message: Message) -> None:
        """Take in what the worker says of this job."""
        if isinstance(message, Progress):
            self.fraction = message.step / max(message.steps, 1)
        elif isinstance(message, PhotoSeen):
            self.seen.append(message)
        elif isinstance(message, Warned):
            self.warnings.append(message.message)
        elif isinstance(message, Done | JobCancelled | Failed):
            self.job = ""
            if isinstance(message, Failed):
                self.message, self.remedy = message.message, message.remedy

    def taken(self) -> list[PhotoSeen]:
        """What was found since the last call."""
        found, self.seen = self.seen, []
        return found
