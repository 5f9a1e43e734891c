"""``nextgenface-replay``: a run's checkpoints as pictures of each stage, and the head on a turntable.

Exit codes: 0 the pictures are there, 1 it failed, 2 the command was wrong, 130 it was interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .errors import CheckpointError, EngineError
from .results.checkpoints import Checkpoint, checkpoint_name, read_checkpoint
from .results.writing import CHECKPOINTS
from .stages import STAGES

OK, FAILED, INTERRUPTED = 0, 1, 130
ANIMATIONS = ("gif", "webp", "png")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        checkpoint = latest_checkpoint(options.run)
        # Mitsuba's parts can only be imported once its variant is set, and not before the checkpoint is known to be good.
        from .render.variant import activate

        activate(options.device)
        from .fit.replay import Replay, Turntable

        table = Turntable(options.frames, options.size, options.samples, options.animation)
        replay = Replay(checkpoint, table, _say)
        for path in replay.write(options.output or options.run / "replay", options.run):
            print(path)
    except EngineError as error:
        _say(f"Error: {error.message}")
        if error.remedy:
            _say(error.remedy)
        return FAILED
    except KeyboardInterrupt:
        _say("Interrupted. Nothing was written.")
        return INTERRUPTED
    return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nextgenface-replay",
        description="Turn a run's checkpoints into pictures of each stage and a turntable of the head.",
        epilog="Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted.",
    )
    add = parser.add_argument
    add("run", type=Path, metavar="RUN", help="output folder of a reconstruction, finished or not, or one checkpoint")
    add("--output", "-o", type=Path, metavar="FOLDER", help="folder of the pictures; RUN/replay by default")
    add(
        "--frames",
        type=_count(0, 720),
        default=24,
        metavar="N",
        help="of the whole turn; 0: no turntable (default: 24)",
    )
    add("--size", type=_count(64, 4096), default=384, metavar="PIXELS", help="side of a frame (default: 384)")
    add("--samples", type=_count(1, 4096), default=32, metavar="N", help="light paths per pixel (default: 32)")
    add("--animation", choices=ANIMATIONS, default="gif", help="kind of the animated picture (default: gif)")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where the rays are traced")
    return parser


class _count:  # noqa: N801  (named like a function, as argparse shows it in its messages)
    """A whole number between two others, for argparse."""

    def __init__(self, low: int, high: int) -> None:
        self._low, self._high = low, high

    def __call__(self, text: str) -> int:
        """The number. Raises ArgumentTypeError."""
        try:
            number = int(text)
        except ValueError:
            number = self._low - 1
        if not self._low <= number <= self._high:
            raise argparse.ArgumentTypeError(f"'{text}' is no whole number from {self._low} to {self._high}")
        return number


def latest_checkpoint(run: Path) -> Checkpoint:
    """That of the last stage in a run's folder, which holds the stages before it too; or the one that ``run`` names.

    Raises:
        CheckpointError: there is none, or it cannot be read.
    """
    if run.is_file():
        return read_checkpoint(run)
    for stage in reversed(STAGES):
        path = run / CHECKPOINTS / checkpoint_name(stage)
        if path.is_file():
            return read_checkpoint(path)
    raise CheckpointError(
        f"There are no checkpoints in '{run}'.",
        "Name the output folder of a run that was made with 'checkpoints = true'.",
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
