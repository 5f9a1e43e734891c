"""MediaPipe's face landmarker as a file, for its versions that bring no models. Standard library only."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from ..downloads import RemoteFile
from ..user_folders import models_folder

# Version 1 of the float16 bundle, which MediaPipe's guide 'Face landmark detection' links; several projects pin this SHA-256.
MODEL = RemoteFile(
    "face_landmarker.task",
    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task",
    "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
)
LICENCE = "Apache-2.0"


def has_bundled_models() -> bool:
    """Whether the installed MediaPipe carries the face mesh's models (up to 0.10.21)."""
    spec = importlib.util.find_spec("mediapipe")
    if spec is None or spec.origin is None:
        return False
    folder = Path(spec.origin).parent / "modules" / "face_landmark"
    return (folder / "face_landmark_with_attention.tflite").is_file()


def engine_models() -> Path:
    """Where the set-up puts the model: inside the engine's own environment. It may not exist."""
    return Path(sys.prefix) / "share" / "nextgenface"


def find_model() -> Path | None:
    """The model that the set-up or the user has put into one of the usual folders; its content is not looked at."""
    files = (folder / MODEL.name for folder in (engine_models(), models_folder()))
    return next((file for file in files if file.is_file()), None)
