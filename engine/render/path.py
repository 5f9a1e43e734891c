"""Path-traced pictures of a head: what the fit is checked against, and what the contact sheet shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..faces.topology import split_at_seams
from ..scene.light import Light, mitsuba_envmap
from ..scene.tangents import vertex_tangents
from .skin_bsdf import TANGENT, TANGENT_SIGN, skin_description
from .transfer import nothing
from .variant import activate

if TYPE_CHECKING:
    from ..scene.camera import Camera

FloatArray = NDArray[np.float32]
# Paths that are followed at once. They take little memory (loops run in registers); this is how long a cancel may wait.
MOST_RAYS = 1 << 23
# Height in pixels of the image that a light is shown by.
LIGHT_HEIGHT = 64


class Surface(Protocol):
    """What is rendered of a face model: ``triangles`` (T, 3) and ``triangle_uv`` (T, 3, 2), v upwards."""

    @property
    def triangles(self) -> NDArray[np.int32]:
        """(T, 3) rows of the vertices."""

    @property
    def triangle_uv(self) -> FloatArray:
        """(T, 3, 2) UVs at the triangles' corners."""


@dataclass(frozen=True)
class Rendering:
    """A picture.

    Attributes:
        image: (H, W, 3) float32 linear radiance, 0 beside the head.
        coverage: (H, W) float32 share of the pixel that the head covers.
    """

    image: FloatArray
    coverage: FloatArray


def vertex_normals(vertices: NDArray[Any], triangles: NDArray[Any]) -> FloatArray:
    """(V, 3) unit normals, the triangles' normals weighted by the angle at the vertex (Thuermer and Wuethrich 1998)."""
    corners = np.asarray(vertices, np.float64)[triangles]
    facet = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    facet /= np.maximum(np.linalg.norm(facet, axis=1, keepdims=True), 1e-20)
    normals = np.zeros((len(vertices), 3))
    for corner in range(3):
        one = corners[:, (corner + 1) % 3] - corners[:, corner]
        two = corners[:, (corner + 2) % 3] - corners[:, corner]
        length = np.maximum(np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1), 1e-20)
        angle = np.arccos(np.clip((one * two).sum(1) / length, -1.0, 1.0))
        np.add.at(normals, triangles[:, corner], facet * angle[:, None])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.asarray(normals / np.maximum(length, 1e-20), np.float32)


def render(
    vertices: NDArray[Any],
    surface: Surface,
    diffuse: NDArray[Any],
    specular: NDArray[Any],
    roughness: NDArray[Any],
    light: Light | NDArray[Any],
    camera: Camera,
    samples: int = 128,
    depth: int = 4,
    seed: int = 0,
    normals: NDArray[Any] | None = None,
    between_passes: Callable[[], None] = nothing,
    normal_map: NDArray[Any] | None = None,
) -> Rendering:
    """Path-trace a head with the skin of `scene.material`. The same seed gives the same picture.

    Args:
        vertices: (V, 3) mm, head frame.
        surface: its triangles and UVs, e.g. a `FaceModel`.
        diffuse: (h, w, 3) linear Rec. 709 base colour in [0, 1]; the first row of all three maps is v = 1.
        specular: (h, w) Specular IOR Level in [0, 1].
        roughness: (h, w) in [0, 1].
        light: a light, or a lat-long image (k, 2k, 3) of linear radiance (see `scene.light`).
        camera: where to stand; its size is the picture's.
        samples: paths per pixel.
        depth: most bounces on the head; 1 is direct light only.
        seed: of the random numbers.
        normals: (V, 3) unit shading normals; default: `vertex_normals`.
        between_passes: called before each of the `passes`; may raise to end the work.
        normal_map: (h, w, 3) in [0, 1], as `scene.tangents` has it; None: smooth skin.
    """
    import mitsuba as mi

    activate()
    skin = skin_description(diffuse, specular, roughness, normal_map)
    scene = mi.load_dict(
        {
            "type": "scene",
            "head": make_mesh(vertices, surface, skin, normals),
            "light": mitsuba_envmap(light.image(LIGHT_HEIGHT) if isinstance(light, Light) else light),
        }
    )
    sensor = make_sensor(camera)
    integrator = mi.load_dict({"type": "path", "max_depth": depth + 1, "rr_depth": 1000, "hide_emitters": True})
    total = np.zeros((camera.height, camera.width, 4), np.float64)
    for number, count in enumerate(passes(samples, camera.width * camera.height)):
        between_passes()
        picture = mi.render(scene, integrator=integrator, sensor=sensor, spp=count, seed=seed * 65536 + number)
        total += np.array(picture, np.float64) * (count / samples)
    return Rendering(total[..., :3].astype(np.float32), total[..., 3].astype(np.float32))


def passes(samples: int, pixels: int) -> list[int]:
    """Samples per pass of `render`, so that no pass follows more than `MOST_RAYS` rays."""
    most = max(1, MOST_RAYS // pixels)
    whole, rest = divmod(samples, most)
    return [most] * whole + ([rest] if rest else [])


def make_mesh(
    vertices: NDArray[Any], surface: Surface, skin: dict[str, Any], normals: NDArray[Any] | None = None
) -> Any:
    """A ``mitsuba.Mesh`` with UVs, smooth normals, the BSDF described by ``skin`` and the tangents that its normal map
    needs; arguments as in `render`.
    """
    import mitsuba as mi

    split = split_at_seams(surface.triangles, surface.triangle_uv)
    normals = vertex_normals(vertices, surface.triangles) if normals is None else normals
    properties = mi.Properties()
    properties["bsdf"] = mi.load_dict(skin)
    mesh = mi.Mesh("head", len(split.source), len(split.triangles), properties, True, True)
    positions, directions = (np.asarray(values, np.float32)[split.source] for values in (vertices, normals))
    if "normal" in skin:
        tangents = vertex_tangents(positions, directions, split.uv, split.triangles)
        _add_attribute(mesh, TANGENT, tangents[:, :3])
        _add_attribute(mesh, TANGENT_SIGN, tangents[:, 3:])
    parameters = mi.traverse(mesh)
    parameters["vertex_positions"] = mi.Float(positions.ravel())
    parameters["vertex_normals"] = mi.Float(directions.ravel())
    parameters["vertex_texcoords"] = mi.Float(mitsuba_uv(split.uv).ravel())
    parameters["faces"] = mi.UInt32(split.triangles.ravel().astype(np.uint32))
    parameters.update()
    return mesh


def _add_attribute(mesh: Any, name: str, values: FloatArray) -> None:
    """Give every vertex of ``mesh`` its row of ``values`` (S, C)."""
    import mitsuba as mi

    mesh.add_attribute(name, values.shape[1], mi.Float(values.ravel()))


def mitsuba_uv(uv: FloatArray) -> FloatArray:
    """Our UVs (..., 2), whose v points up, as Mitsuba's, whose v points down the image."""
    return np.stack([uv[..., 0], 1.0 - uv[..., 1]], -1)


def make_sensor(camera: Camera, pixel_filter: str = "box", sampler: str = "multijitter") -> Any:
    """A ``mitsuba.Sensor`` that sees what ``camera`` sees.

    Mitsuba's camera looks along +z with x to the left: ours turned by half a turn about y. Correlated multi-jittered samples
    (Kensler 2013) have a third of the noise of independent ones at 64 per pixel.
    """
    import mitsuba as mi

    to_world = np.eye(4)
    to_world[:3, :3] = camera.rotation.T @ np.diag([-1.0, 1.0, -1.0])
    to_world[:3, 3] = camera.centre
    return mi.load_dict(
        {
            "type": "perspective",
            "to_world": mi.ScalarTransform4f(to_world.tolist()),
            "fov_axis": "x",
            "fov": float(np.degrees(2.0 * np.arctan(camera.width / (2.0 * camera.focal_px)))),
            "principal_point_offset_x": 0.5 - camera.cx / camera.width,
            "principal_point_offset_y": 0.5 - camera.cy / camera.height,
            "near_clip": 1.0,
            "far_clip": 1e5,
            "film": {
                "type": "hdrfilm",
                "width": camera.width,
                "height": camera.height,
                "pixel_format": "rgba",
                "component_format": "float32",
                "rfilter": {"type": pixel_filter},
            },
            "sampler": {"type": sampler},
        }
    )
