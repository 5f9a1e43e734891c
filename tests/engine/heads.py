"""Pictures of the bundled head whose shape, light and skin are known: what stages 2 and 3 should find again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
import torch
from nextgenface.engine.faces.choose import load_model
from nextgenface.engine.faces.model import PART_NAMES, FaceModel
from nextgenface.engine.faces.topology import vertex_normals
from nextgenface.engine.fit.atlas import make_atlas
from nextgenface.engine.fit.fill import pad
from nextgenface.engine.fit.photometric import View
from nextgenface.engine.fit.reflectance import Reflectance
from nextgenface.engine.fit.stage2 import Stage2Result
from nextgenface.engine.render.geometry import TracedScene
from nextgenface.engine.render.path import render
from nextgenface.engine.render.transfer import primary_hits
from nextgenface.engine.scene.camera import Camera
from nextgenface.engine.scene.colour import linear_to_srgb
from nextgenface.engine.scene.light import Light

BANDS = 3


@dataclass(frozen=True)
class Portrait:
    """A rendered head and all that is true of it.

    Attributes:
        model: the bundled head. view: the picture, with a mask of its skin. points: (L, 2) pixels of its landmarks.
        truth: identity, expression, camera, light, reflectance and vertices.
    """

    model: FaceModel
    view: View
    points: np.ndarray
    truth: Stage2Result


@cache
def portrait(size: int = 160, samples: int = 48, cheeks_mm: float = 0.0) -> Portrait:
    """A smiling head of some other shape and colour than the mean, lit from its left front; light goes from skin to skin.

    Its cheeks stand out by ``cheeks_mm`` more, as the model's modes would not have them.
    """
    model = load_model("bundled")
    truth = _truth(model, front_camera(size))
    if cheeks_mm:
        bump = cheeks_mm * cheek_bumps(model)[:, None] * vertex_normals(truth.vertices, model.triangles)
        truth = replace(truth, vertices=truth.vertices + bump.astype(np.float32), shift=bump.astype(np.float32))
    albedo, specular, roughness = statistical_maps(model, truth.reflectance)
    light = Light(truth.light).image(32)
    picture = render(
        truth.vertices, model, albedo, specular, roughness, light, truth.camera, samples=samples, depth=3, seed=3
    )
    view = View(picture.image, skin_mask(model, truth.vertices, truth.camera), truth.camera)
    return Portrait(model, view, landmark_pixels(model, truth.vertices, truth.camera), truth)


def cheek_bumps(model: FaceModel, width_mm: float = 10.0) -> np.ndarray:
    """(V,) two smooth bumps of height 1, one on the middle of each cheek."""
    skin = np.where(model.regions["face"] > 0.5, model.regions["cheeks"], 0.0)
    bumps = np.zeros(model.vertex_count)
    for side in (-1, 1):
        weight = skin * (side * model.mean[:, 0] > 0.0)
        middle = (weight[:, None] * model.mean).sum(0) / weight.sum()
        nearest = model.mean[np.linalg.norm(model.mean - middle, axis=1).argmin()]
        bumps += np.exp(-0.5 * ((model.mean - nearest) ** 2).sum(1) / width_mm**2)
    return bumps


def front_camera(size: int) -> Camera:
    """A metre before the face, a little above the head's middle, turned by some degrees."""
    turn, _ = cv2.Rodrigues(np.array([0.05, 0.15, 0.0]))
    return Camera(size, size, 3.4 * size, size / 2, size / 2, turn, np.array([0.0, -10.0, -1000.0]))


def _truth(model: FaceModel, camera: Camera) -> Stage2Result:
    rng = np.random.default_rng(5)
    identity = (0.7 * rng.normal(size=model.identity_count)).astype(np.float32)
    expression = np.zeros(model.expression_count, np.float32)
    for name, weight in {"mouthSmileLeft": 0.4, "mouthSmileRight": 0.4, "browInnerUp": 0.3}.items():
        expression[model.expression_names.index(name)] = weight
    reflectance = Reflectance.average(model)
    reflectance = replace(reflectance, colour=torch.from_numpy(rng.normal(size=reflectance.skin.count)).float() * 0.5)
    light = np.zeros((BANDS * BANDS, 3), np.float32)
    # Constant, y, z, x, and one of band 2.
    light[0], light[1], light[2], light[3] = (2.6, 2.5, 2.4), 0.3, (0.9, 0.8, 0.7), (0.7, 0.6, 0.5)
    light[6] = 0.15
    return Stage2Result(identity, expression, camera, light, reflectance, model.vertices(identity, expression))


def statistical_maps(
    model: FaceModel, reflectance: Reflectance, size: int = 256
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Diffuse (S, S, 3), specular (S, S) and roughness (S, S) maps of a statistical reflectance."""
    atlas = make_atlas(model, size)
    fields = torch.cat([reflectance.albedo(), reflectance.surface()], 1).numpy()
    maps = pad(atlas.image(atlas.interpolate(model, fields)), atlas.known)
    return maps[:, :, :3], maps[:, :, 3], maps[:, :, 4]


def skin_mask(model: FaceModel, vertices: np.ndarray, camera: Camera, margin: int = 3) -> np.ndarray:
    """(H, W) 1 at pixels that show the face's skin, ``margin`` pixels from anything else."""
    rows, columns = np.mgrid[0 : camera.height, 0 : camera.width]
    pixels = np.stack([columns.ravel(), rows.ravel()], 1).astype(np.float32) + 0.5
    triangle, barycentric = primary_hits(TracedScene(vertices, model.triangles), camera, pixels)
    region = (model.regions["face"][model.triangles[triangle]] * barycentric).sum(1)
    part = model.face_part[model.triangle_face[triangle]]
    shown = (triangle >= 0) & (part == PART_NAMES.index("skin")) & (region > 0.4)
    mask = shown.reshape(camera.height, camera.width).astype(np.float32)
    return cv2.erode(mask, np.ones((2 * margin + 1,) * 2))


def landmark_pixels(model: FaceModel, vertices: np.ndarray, camera: Camera) -> np.ndarray:
    """(L, 2) float32 pixels of MediaPipe's points of a head."""
    embedding = model.landmarks["mediapipe"]
    corners = vertices[model.triangles[embedding.triangle]]
    return camera.project((corners * embedding.barycentric[:, :, None]).sum(1)).astype(np.float32)


def head_of(model: FaceModel, found: Stage2Result, expression: np.ndarray) -> np.ndarray:
    """(V, 3) mm: the person that stage 2 found, with another expression."""
    return model.vertices(found.identity, expression) + (0.0 if found.shift is None else found.shift)


def millimetres_off(portrait: Portrait, vertices: np.ndarray) -> float:
    """Mean distance of the face's vertices from the true ones, after both are laid over each other."""
    face = portrait.model.regions["face"] > 0.5
    away = vertices[face] - portrait.truth.vertices[face]
    return float(np.linalg.norm(away - away.mean(0), axis=1).mean())


def psnr(picture: np.ndarray, view: View) -> float:
    """dB of a linear picture (H, W, 3) against the view's, as sRGB, where the view is trusted."""
    shown, seen = (linear_to_srgb(np.clip(image, 0.0, 1.0))[view.weight > 0.5] for image in (picture, view.image))
    return float(-10.0 * np.log10(((shown - seen) ** 2).mean()))
