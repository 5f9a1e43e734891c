"""Model files that do not come along: what each is, where it is looked for, whether it is there, who gives it. Light."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .landmarks import fan_weights
from .settings import Settings
from .user_folders import models_folder

BASEL_FOLDER, ICT_FOLDER = "bfm2017", "ict"
SHAPE_FILE = "model2017-1_face12_nomouth.h5"
ALBEDO_FILE = "albedoModel2020_face12_albedoPart.h5"
ICT_FILE = "generic_neutral_mesh.obj"


@dataclass(frozen=True)
class ModelFile:
    """One file, or one folder of files that stands or falls with it.

    Attributes:
        title: what it is, for people.
        setting: the setting that needs it, as ``name = value``.
        name: the file's name.
        folders: where it is looked for, in this order.
        licence: its terms in a few words.
        page: where a person gets it.
    """

    title: str
    setting: str
    name: str
    folders: tuple[Path, ...]
    licence: str
    page: str

    @property
    def found(self) -> Path | None:
        """The folder that has it; None where there is none. Its content is not looked at."""
        return next((folder for folder in self.folders if (folder / self.name).is_file()), None)


def model_files(settings: Settings | None = None) -> list[ModelFile]:
    """All that there are, for the folders that ``settings`` name (None: the usual ones)."""
    chosen = settings or Settings()
    basel, ict = (_folders(chosen, name) for name in (BASEL_FOLDER, ICT_FOLDER))
    weights = tuple(fan_weights.folders(chosen))
    fan = "landmark_detector = fan"
    return [
        ModelFile(
            "Basel Face Model 2017", "face_model = bfm2017", SHAPE_FILE, basel,
            "for research, by registration", "https://faces.dmi.unibas.ch/bfm/bfm2017.html",
        ),
        ModelFile(
            "AlbedoMM, the Basel model's skin", "face_model = bfm2017", ALBEDO_FILE, basel,
            "see its website", "https://github.com/waps101/AlbedoMM/releases",
        ),
        ModelFile(
            "ICT-FaceKit", "face_model = ict", ICT_FILE, ict,
            "MIT", "https://github.com/ICT-VGL/ICT-FaceKit",
        ),
        *(
            ModelFile(
                title, fan, remote.name, weights,
                "see its website", "https://github.com/1adrianb/face-alignment",
            )
            for title, remote in (
                ("FAN, points of the face", fan_weights.POINTS_NETWORK),
                ("FAN, finding faces", fan_weights.FACES_NETWORK),
            )
        ),
    ]  # fmt: skip


def _folders(settings: Settings, name: str) -> tuple[Path, ...]:
    """The folder that is set, if it is set for this model, else the model's own."""
    given = settings.face_model_folder if settings.face_model == name else ""
    return (Path(given).expanduser() if given else models_folder() / name,)
