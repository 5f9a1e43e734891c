"""The whole way: from photos' files to a folder of results."""

from __future__ import annotations

from pathlib import Path

from ..errors import PhotoError
from ..faces.choose import load_model
from ..render.variant import activate
from ..reporter import RememberingReporter, Reporter
from ..results.write import write_results
from ..results.writing import check_output
from ..settings import Settings
from .clock import Clock
from .prepare import prepare_photo


def reconstruct(photos: list[Path], output: Path, settings: Settings, reporter: Reporter) -> Path:
    """Reconstruct the one person in all ``photos`` and write everything into ``output``; the path of ``result.json``.

    Raises:
        EngineError: with a sentence and a remedy, a photo that is of no use by its name; nothing is left behind.
        Cancelled: by the reporter; nothing is left behind.
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
                prepared.append(prepare_photo(photo, settings, told))
        # Mitsuba's parts can only be imported once its variant is set.
        from .run import Run

        data = Run(model, prepared, settings, told, clock, variant).result()
    reporter.progress("write", 0, 1)
    data.report["warnings"] = told.warnings
    data.report["seconds"]["total"] = round(clock.seconds["total"], 3)
    return write_results(output, data, reporter)
