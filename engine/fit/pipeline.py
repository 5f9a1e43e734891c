"""The whole way: from photos' files to a folder of results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import PhotoError
from ..faces.choose import load_model
from ..hints import PhotoHints
from ..render.variant import activate
from ..reporter import RememberingReporter, Reporter
from ..results.write import write_results
from ..results.writing import check_output
from ..settings import Settings
from ..stages import Stages
from .clock import Clock
from .prepare import PreparedPhoto, prepare_photo


def reconstruct(
    photos: list[Path],
    output: Path,
    settings: Settings,
    reporter: Reporter,
    stages: Stages | None = None,
    hints: Sequence[PhotoHints] = (),
    *,
    notes: Sequence[str] = (),
) -> Path:
    """Reconstruct the one person in all ``photos`` and write everything into ``output``; the path of ``result.json``.

    ``stages`` says which stages are left out or taken from a checkpoint; None: all are run. ``hints`` are what a person
    says of each photo, in their order; none where nothing is said. ``notes`` are sentences that the report's warnings begin
    with.

    Raises:
        EngineError: with a sentence and a remedy, a photo that is of no use by its name.
        Cancelled: by the reporter.
            Either leaves nothing behind but the whole checkpoints of finished stages, and debug frames if asked for.
    """
    if not photos:
        raise PhotoError("No photo was given.", "Choose a photo of a face.")
    check_output(output)
    clock, told = Clock(), RememberingReporter(reporter)
    with clock.stage("total"):
        reporter.progress("start", 0, 1)
        with clock.stage("start"):
            variant = activate(settings.device)
            model = load_model(settings.face_model, settings)
        with clock.stage("photos"):
            prepared = []
            for number, photo in enumerate(photos):
                reporter.progress("photos", number, len(photos))
                said = hints[number] if number < len(hints) else None
                prepared.append(_prepared(photo, settings, told, said))
        # Mitsuba's parts can only be imported once its variant is set.
        from .record import Record
        from .run import Run

        record = Record(output, settings, stages or Stages(), told)
        data = Run(model, prepared, settings, told, clock, variant, record).result()
    reporter.progress("write", 0, 1)
    data.report["hints"] = [said.to_dict() for said in hints]
    data.report["warnings"] = [*notes, *told.warnings]
    data.report["seconds"]["total"] = round(clock.seconds["total"], 3)
    return write_results(output, data, reporter)


def _prepared(path: Path, settings: Settings, reporter: Reporter, hints: PhotoHints | None) -> PreparedPhoto:
    """`prepare_photo`, whose errors know the photo."""
    try:
        return prepare_photo(path, settings, reporter, hints)
    except PhotoError as error:
        error.photo = str(path)
        raise
