"""Which stages a run does itself, which it takes from a checkpoint, and which it leaves out. Standard library only."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from .errors import SettingsError

STAGES = (1, 2, 3)


class Source(Enum):
    """Where what a stage finds comes from in this run."""

    RUN = "run"
    CHECKPOINT = "checkpoint"
    # The stage is left out: what it starts from stays as it is.
    START = "start"


@dataclass(frozen=True)
class Stages:
    """What a person asks for: the stages to ``skip``, and the ``checkpoint`` to take skipped ones from."""

    skip: frozenset[int] = frozenset()
    checkpoint: Path | None = None

    def __post_init__(self) -> None:
        unknown = sorted(self.skip - set(STAGES))
        if unknown:
            raise SettingsError(f"There is no stage {unknown[0]}.", "The stages are 1, 2 and 3.")

    def sources(self, reached: int = 0) -> tuple[Source, Source, Source]:
        """Of each stage, with a checkpoint that was written after the stage ``reached`` (0: without one).

        A checkpoint stands for the skipped stages that it holds; for all that it holds where none of them is skipped.

        Raises:
            SettingsError: a stage is to be run before one that is taken from the checkpoint.
        """
        held = set(range(1, reached + 1))
        kept = self.skip & held or held
        if kept != set(range(1, len(kept) + 1)):
            missing = min(set(STAGES) - kept)
            raise SettingsError(
                f"Stage {missing} cannot be run before stage {max(kept)}, which comes from the checkpoint.",
                f"Skip stage {missing} too, or run stage {max(kept)} again.",
            )
        first, second, third = (
            Source.CHECKPOINT if stage in kept else Source.START if stage in self.skip else Source.RUN
            for stage in STAGES
        )
        return first, second, third

    @classmethod
    def of_request(cls, checkpoint: str, skip: Sequence[Any]) -> Stages:
        """From what a message carries. Raises SettingsError for what is no stage."""
        if not all(isinstance(stage, int) and not isinstance(stage, bool) for stage in skip):
            raise SettingsError("The stages to skip are not numbers.", "The stages are 1, 2 and 3.")
        return cls(frozenset(skip), Path(checkpoint) if checkpoint else None)


def add_options(parser: argparse.ArgumentParser) -> None:
    """``--checkpoint`` and the ways to skip stages, the reference program's spellings too."""
    group = parser.add_argument_group("stages")
    group.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="go on from a run's checkpoints/stageN_output.npz, of one person",
    )
    group.add_argument(
        "--skip-stage", type=int, choices=STAGES, action="append", default=[], metavar="N", help="leave out stage N"
    )
    for stage in STAGES:
        names = f"--skip-stage{stage}", f"--skipStage{stage}"
        group.add_argument(*names, dest="skip_stage", action="append_const", const=stage, help=argparse.SUPPRESS)


def of_options(options: argparse.Namespace, people: int) -> Stages:
    """What the shell asks for; ``people`` are to be reconstructed.

    Raises:
        SettingsError: several people and one checkpoint.
    """
    if options.checkpoint is not None and people > 1:
        raise SettingsError(
            "A checkpoint belongs to one person, and several are to be reconstructed.",
            "Give the photo or photos that the checkpoint was made from.",
        )
    checkpoint = None if options.checkpoint is None else options.checkpoint.absolute()
    return Stages(frozenset(options.skip_stage), checkpoint)
