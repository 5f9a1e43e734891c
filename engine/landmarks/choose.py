"""Which landmark detector is used."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path

from ..errors import SettingsError
from ..reporter import Reporter, SilentReporter
from ..settings import Settings
from .detector import LandmarkDetector
from .mediapipe_tasks import WHERE_TO_GET
from .task_file import find_model, has_bundled_models


def choose_detector(settings: Settings, reporter: Reporter | None = None) -> LandmarkDetector:
    """The detector that the settings ask for. Of MediaPipe: the model file that is named, else the models in its wheel, else
    the file that came with the engine.

    ``reporter`` is told of a download.

    Raises:
        SettingsError: MediaPipe is not installed, or it brings no models and no file is named; or FAN lacks something.
        DownloadError: FAN's weights were to be downloaded, and could not be.
    """
    if settings.landmark_detector == "fan":
        from .fan import load_fan

        return load_fan(settings, reporter or SilentReporter())
    return _mediapipe(settings)


def _mediapipe(settings: Settings) -> LandmarkDetector:
    if importlib.util.find_spec("mediapipe") is None:
        raise SettingsError("MediaPipe is not installed.", "Set the engine up again.")
    if not settings.landmark_model_file and has_bundled_models():
        return _bundled()
    file = Path(settings.landmark_model_file).expanduser() if settings.landmark_model_file else find_model()
    if file is None:
        raise SettingsError("This MediaPipe brings no face models.", WHERE_TO_GET)
    return _of_file(file, file.stat().st_mtime_ns if file.is_file() else 0)


# Kept: a graph that is dropped leaves its threads and 30 MB behind, and a new one takes longer to make than to use.
@lru_cache(maxsize=1)
def _bundled() -> LandmarkDetector:
    from .mediapipe_solutions import SolutionsDetector

    return SolutionsDetector()


@lru_cache(maxsize=1)
def _of_file(file: Path, changed_ns: int) -> LandmarkDetector:
    """``changed_ns`` is the file's time, so that another file of the same name is another detector."""
    from .mediapipe_tasks import TasksDetector

    return TasksDetector(file)
