"""Writes everything that a finished fit leaves on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..protocol import PhotoResult, Result
from ..reporter import Reporter, SilentReporter
from .contact_sheet import contact_sheet
from .data import PhotoData, ResultData
from .images import displayed, quantised, resized, save_data, save_exr, save_picture
from .loss_curves import loss_curves
from .mesh import write_head, write_obj
from .png import write_png
from .writing import RESULT_NAME, ResultFolder

DIFFUSE, SPECULAR, ROUGHNESS = "diffuseMap_0.png", "specularMap_0.png", "roughnessMap_0.png"
COVERAGE, NORMAL = "coverageMap_0.png", "normalMap_0.png"
HEAD, REPORT, LOSSES = "head.npz", "report.json", "losses.png"


def write_results(folder: Path, data: ResultData, reporter: Reporter | None = None) -> Path:
    """Write all files of ``data`` into ``folder`` at once and return the path of ``result.json``.

    An earlier run's results are replaced only when the new ones are whole. ``reporter.check`` is asked between files.

    Raises:
        OutputError: the folder cannot be written or the disk is full; nothing is left behind.
        Cancelled: by the reporter; nothing is left behind.
    """
    told = reporter or SilentReporter()
    with ResultFolder(folder) as output:
        write_head(output.path / HEAD, data.head)
        _write_maps(output.path, data, told)
        maps = {"diffuse": DIFFUSE, "specular": SPECULAR, "roughness": ROUGHNESS, "normal": _normal_name(data)}
        photos: list[PhotoResult] = []
        for number, photo in enumerate(data.photos):
            told.check()
            write_obj(output.path / _mesh_name(number), data.head, data.head.expressed(photo.expression), maps)
            photos.append(_write_photo(output.path, number, photo, told))
        curves = loss_curves(data.losses)
        if curves is not None:
            write_png(output.path / LOSSES, curves)
        _write_descriptions(output.path, data, photos, "" if curves is None else LOSSES)
        told.check()
    return folder / RESULT_NAME


def _normal_name(data: ResultData) -> str:
    return "" if data.normal is None else NORMAL


def _mesh_name(number: int) -> str:
    return f"mesh{number}.obj"


def _write_maps(path: Path, data: ResultData, reporter: Reporter) -> None:
    save_picture(path / DIFFUSE, data.diffuse, data.bits)
    reporter.check()
    save_data(path / SPECULAR, data.specular, data.bits)
    save_data(path / ROUGHNESS, data.roughness, data.bits)
    reporter.check()
    if data.coverage is not None:
        save_data(path / COVERAGE, resized(quantised(data.coverage), len(data.diffuse)))
    if data.normal is not None:
        save_data(path / NORMAL, data.normal, 16)
        reporter.check()


def _write_photo(path: Path, number: int, photo: PhotoData, reporter: Reporter) -> PhotoResult:
    names = {
        kind: f"{kind}_{number}.{end}"
        for kind, end in (("photo", "png"), ("reconstruction", "png"), ("render", "png"), ("envMap", "exr"))
    }
    # The lowest compression: a camera's photo takes seconds otherwise and gets hardly smaller.
    write_png(path / names["photo"], displayed(photo.picture), level=1)
    reporter.check()
    save_picture(path / names["reconstruction"], photo.render)
    write_png(path / names["render"], contact_sheet(_panels(photo)))
    save_exr(path / names["envMap"], photo.environment)
    # For programs that read no EXR; what is brighter than white is white.
    names["lightPicture"] = f"envMap_{number}.png"
    save_picture(path / names["lightPicture"], photo.environment)
    if photo.landmarks is not None:
        names["landmarks"] = f"landmarks{number}.png"
        write_png(path / names["landmarks"], photo.landmarks)
    if photo.mask is not None:
        names["mask"] = f"skinMask_{number}.png"
        save_data(path / names["mask"], photo.mask)
    camera = photo.camera
    return PhotoResult(
        photo=names["photo"],
        width=camera.width,
        height=camera.height,
        focal_px=float(camera.focal_px),
        cx=float(camera.cx),
        cy=float(camera.cy),
        rotation=[[float(x) for x in row] for row in camera.rotation],
        translation=[float(x) for x in camera.translation],
        light=names["envMap"],
        light_picture=names["lightPicture"],
        render=names["reconstruction"],
        contact_sheet=names["render"],
        mask=names.get("mask", ""),
        landmarks=names.get("landmarks", ""),
        mesh=_mesh_name(number),
        window=[] if photo.window is None else [float(value) for value in photo.window],
        expression={name: float(weight) for name, weight in photo.expression.items()},
    )


def _panels(photo: PhotoData) -> dict[str, NDArray[Any]]:
    return {
        title: quantised(picture) if title in photo.data_panels else displayed(picture)
        for title, picture in photo.panels.items()
    }


def _write_descriptions(path: Path, data: ResultData, photos: list[PhotoResult], losses: str) -> None:
    report = json.dumps(data.report, indent=1, allow_nan=False)
    (path / REPORT).write_text(report, "utf-8")
    result = Result(
        name=data.name,
        face_model=data.face_model,
        head=HEAD,
        diffuse=DIFFUSE,
        specular=SPECULAR,
        roughness=ROUGHNESS,
        mesh=_mesh_name(0),
        coverage=COVERAGE if data.coverage is not None else "",
        normal=_normal_name(data),
        report=REPORT,
        losses=losses,
        photos=photos,
    )
    (path / RESULT_NAME).write_text(result.to_json(), "utf-8")
