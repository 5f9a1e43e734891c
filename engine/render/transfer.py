"""What a surface point does with each spherical-harmonics light, traced: shadows, foreshortening, and the glossy lobe.

Light is distant and linear in its coefficients, so rays are traced once per geometry; what follows (light, albedo,
specular level, roughness) is algebra on these tables:

    radiance = (1 - E) a (T . L) + F0 (A(r) . L) + B(r) . L

with T from `diffuse_transfer`, A and B from `glossy_transfer`, E, F0 and the lobe as in `scene.material`. One fused
kernel draws directions by importance, tests the shadow ray and adds the 81 functions in registers, so nothing of the
size of the rays is stored. Directions come from a rank-1 lattice that is shifted for each point, so errors of
neighbours are independent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..scene.light import MAX_BANDS, sh_functions
from ..scene.material import LEAST_ROUGHNESS, fresnel_split, smith_lambda
from .geometry import TracedScene, columns

if TYPE_CHECKING:
    import torch

    from ..scene.camera import Camera

ROUGHNESS_NODES = (0.2, 0.35, 0.5, 0.7)
# The rougher the lobe, the more directions it takes; sharp lobes see nearly one direction of a smooth light.
DIRECTIONS_PER_NODE = {0.2: 24, 0.35: 32, 0.5: 48, 0.7: 64}
BLOCK = 1 << 16
# Second generator of the lattice: the golden ratio's fraction (Korobov's choice for two dimensions).
GOLDEN = 0.6180339887498949
# Smallest cosine at which Smith's masking is evaluated.
LEAST_COSINE = 1e-3


def nothing() -> None:
    """Default of ``between_blocks``."""


def diffuse_transfer(
    scene: TracedScene,
    points: Any,
    normals: Any,
    directions: int = 256,
    bands: int = MAX_BANDS,
    seed: int = 0,
    geometric_normals: Any = None,
    between_blocks: Callable[[], None] = nothing,
) -> torch.Tensor:
    """T: radiance that a white diffuse surface sends out per unit of each light coefficient, shadows included.

    ``T_i = 1 / pi integral V(w) max(0, n . w) Y_i(w) dw``, by cosine-weighted sampling: the mean of ``V Y_i``.

    Args:
        scene: what casts the shadows.
        points: (N, 3) mm, numpy or torch, on the surface.
        normals: (N, 3) unit shading normals.
        directions: shadow rays per point.
        bands: of the light.
        seed: of the lattice's shifts.
        geometric_normals: (N, 3) unit normals of the facets; what is below them is shadowed. Default: ``normals``.
        between_blocks: called between blocks of points; may raise to end the work.

    Returns:
        (N, bands^2) float32 torch tensor.
    """
    import torch

    def kernel(place: dict[str, Any], first: int) -> list[Any]:
        return _trace_diffuse(scene, place, directions, bands, seed, first)

    arrays = _inputs(points, normals, normals, geometric_normals)
    result = torch.empty((len(arrays["point"]), bands * bands), dtype=torch.float32)
    _in_blocks(arrays, kernel, [result], between_blocks)
    return result


def glossy_transfer(
    scene: TracedScene,
    points: Any,
    normals: Any,
    view: Any,
    roughness_nodes: Sequence[float] = ROUGHNESS_NODES,
    directions: int | None = None,
    bands: int = MAX_BANDS,
    seed: int = 0,
    geometric_normals: Any = None,
    dtype: torch.dtype | None = None,
    between_blocks: Callable[[], None] = nothing,
) -> torch.Tensor:
    """A and B: radiance of the specular layer, ``F0 * A + B``, per unit of each light coefficient at some roughnesses.

    The GGX lobe of `scene.material`, its Fresnel term split by `fresnel_split`, by sampling visible microfacet normals.

    Args:
        scene, points, normals, bands, seed, geometric_normals, between_blocks: as in `diffuse_transfer`.
        view: (N, 3) unit directions from the points to the camera.
        roughness_nodes: R values of roughness in (0, 1].
        directions: shadow rays per point and node; None: more for rougher lobes.
        dtype: of the result, e.g. ``torch.float16`` to halve the memory; default float32.

    Returns:
        (N, R, 2, bands^2) torch tensor; [:, :, 0] is A, [:, :, 1] is B.
    """
    import torch

    arrays = _inputs(points, normals, view, geometric_normals)
    shape = (len(arrays["point"]), len(roughness_nodes), 2, bands * bands)
    result = torch.empty(shape, dtype=dtype or torch.float32)
    for node, roughness in enumerate(roughness_nodes):
        count = directions or _directions_for(roughness)

        def kernel(place: dict[str, Any], first: int, rough: float = roughness, rays: int = count) -> list[Any]:
            return _trace_glossy(scene, place, rough, rays, bands, seed, first)

        _in_blocks(arrays, kernel, [result[:, node, 0], result[:, node, 1]], between_blocks)
    return result


def _directions_for(roughness: float) -> int:
    return next((count for node, count in DIRECTIONS_PER_NODE.items() if roughness <= node + 1e-6), 96)


def camera_visibility(scene: TracedScene, camera_centre: Any, points: Any, normals: Any) -> NDArray[np.bool_]:
    """(N,) whether nothing of the scene is between points (N, 3) with normals (N, 3) and the camera's centre (3,), mm.

    Points whose normal faces away from the camera are not visible.
    """
    import drjit as dr
    import mitsuba as mi

    place = _to_drjit(_inputs(points, normals, normals, None))
    centre = mi.Point3f([float(value) for value in np.asarray(camera_centre)])
    towards = centre - place["point"]
    distance = dr.norm(towards)
    direction = towards / distance
    origin = _lifted(place["point"], place["facet"])
    ray = mi.Ray3f(mi.Ray3f(origin, direction), distance)
    seen = (dr.dot(direction, place["normal"]) > 0) & ~scene.scene.ray_test(ray, coherent=True)
    return np.array(seen).astype(bool)


def primary_hits(scene: TracedScene, camera: Camera, pixels: Any) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """What the camera's rays through pixels (M, 2) hit: triangle (M,), -1 for none, and barycentric weights (M, 3)."""
    directions = camera.rays(np.asarray(pixels, np.float64))
    return scene.intersect(np.broadcast_to(camera.centre, directions.shape), directions)


def _inputs(points: Any, normals: Any, view: Any, facets: Any) -> dict[str, NDArray[np.float32]]:
    """All per-point vectors as (N, 3) float32 numpy arrays."""
    facets = normals if facets is None else facets
    named = {"point": points, "normal": normals, "view": view, "facet": facets}
    return {name: np.asarray(_plain(values), np.float32) for name, values in named.items()}


def _plain(values: Any) -> Any:
    """A torch tensor as its numpy view, anything else as it is."""
    return values.detach().cpu().numpy() if hasattr(values, "detach") else values


def _in_blocks(
    arrays: dict[str, NDArray[np.float32]],
    kernel: Callable[[dict[str, Any], int], list[Any]],
    targets: list[torch.Tensor],
    between_blocks: Callable[[], None],
) -> None:
    """Run ``kernel`` on blocks of points and file its columns into ``targets``, (N, B) each."""
    count = len(arrays["point"])
    for first in range(0, count, BLOCK):
        between_blocks()
        block = {name: values[first : first + BLOCK] for name, values in arrays.items()}
        columns = _to_torch(kernel(_to_drjit(block), first))
        width = len(columns) // len(targets)
        for index, target in enumerate(targets):
            target[first : first + BLOCK] = columns[index * width : (index + 1) * width].T


def _to_drjit(block: dict[str, NDArray[np.float32]]) -> dict[str, Any]:
    import mitsuba as mi

    return {name: mi.Vector3f(columns(values)) for name, values in block.items()}


def _to_torch(columns: list[Any]) -> torch.Tensor:
    """(C, N) float32 tensor on the CPU of C Dr.Jit arrays of N values; read in place where they lie there."""
    import drjit as dr
    import torch.utils.dlpack

    dr.eval(*columns)
    if dr.backend_v(columns[0]) == dr.JitBackend.CUDA:
        # By way of numpy, because PyTorch may be a build without CUDA.
        return torch.from_numpy(np.stack([np.array(column) for column in columns]))
    return torch.stack([torch.utils.dlpack.from_dlpack(column) for column in columns])


def _lifted(point: Any, facet: Any) -> Any:
    """Ray origins off the surface by more than the rounding of 32-bit numbers, as Mitsuba's ``spawn_ray`` does."""
    import drjit as dr
    import mitsuba as mi

    size = dr.maximum(dr.maximum(dr.abs(point.x), dr.abs(point.y)), dr.abs(point.z))
    return point + facet * ((1.0 + size) * mi.math.RayEpsilon)


def _lattice(index: Any, count: Any, shift: Any) -> tuple[Any, Any]:
    """Point ``index`` of a rank-1 lattice of ``count``, moved by ``shift`` (Cranley and Patterson 1976)."""
    import drjit as dr
    import mitsuba as mi

    u = (mi.Float(index) + 0.5) / count + shift.x
    v = mi.Float(index) * GOLDEN + shift.y
    return u - dr.floor(u), v - dr.floor(v)


def _shift(size: Any, seed: int, first: int) -> Any:
    """Two uniform numbers per point, which depend on the point's row and the seed only."""
    import drjit as dr
    import mitsuba as mi

    row: Any = dr.arange(mi.UInt32, size) + dr.opaque(mi.UInt32, first)
    salt: Any = dr.opaque(mi.UInt32, seed)
    a, b = mi.sample_tea_32(row, salt)
    return mi.Vector2f(mi.Float(a) * 2.0**-32, mi.Float(b) * 2.0**-32)


def _trace_diffuse(
    scene: TracedScene, place: dict[str, Any], rays: int, bands: int, seed: int, first: int
) -> list[Any]:
    """The bands^2 Dr.Jit arrays of N values: the mean of ``V Y_i`` over cosine-weighted directions."""
    import drjit as dr
    import mitsuba as mi

    size = dr.width(place["point"])
    origin, frame = _lifted(place["point"], place["facet"]), mi.Frame3f(place["normal"])
    shift, count = _shift(size, seed, first), dr.opaque(mi.UInt32, rays)

    def step(index: Any, *sums: Any) -> tuple[Any, ...]:
        u, v = _lattice(index, count, shift)
        direction = frame.to_world(mi.warp.square_to_cosine_hemisphere(mi.Point2f(u, v)))
        lit = (dr.dot(direction, place["facet"]) > 0) & ~scene.scene.ray_test(mi.Ray3f(origin, direction))
        share = dr.select(lit, 1.0, 0.0)
        functions = sh_functions(direction.x, direction.y, direction.z, bands)
        return index + 1, *(dr.fma(share, y, total) for total, y in zip(sums, functions, strict=True))

    state = (mi.UInt32(0), *(dr.zeros(mi.Float, size) for _ in range(bands * bands)))
    return _mean_over(count, state, step, "diffuse transfer")


def _trace_glossy(
    scene: TracedScene, place: dict[str, Any], roughness: float, rays: int, bands: int, seed: int, first: int
) -> list[Any]:
    """2 bands^2 Dr.Jit arrays of N values: A's columns, then B's."""
    import drjit as dr
    import mitsuba as mi

    size = dr.width(place["point"])
    origin, frame = _lifted(place["point"], place["facet"]), mi.Frame3f(place["normal"])
    view = frame.to_local(place["view"])
    shift, count = _shift(size, seed + 7919, first), dr.opaque(mi.UInt32, rays)
    alpha = dr.opaque(mi.Float, max(roughness, LEAST_ROUGHNESS) ** 2)

    def step(index: Any, *sums: Any) -> tuple[Any, ...]:
        local, half_cosine, weight = sample_lobe(view, alpha, _lattice(index, count, shift))
        direction = frame.to_world(local)
        lit = (weight > 0) & (dr.dot(direction, place["facet"]) > 0)
        lit &= ~scene.scene.ray_test(mi.Ray3f(origin, direction), lit)
        share = dr.select(lit, weight, 0.0)
        slope, offset = fresnel_split(half_cosine)
        functions = sh_functions(direction.x, direction.y, direction.z, bands)
        both = [(share * part, y) for part in (slope, offset) for y in functions]
        return index + 1, *(dr.fma(part, y, total) for total, (part, y) in zip(sums, both, strict=True))

    state = (mi.UInt32(0), *(dr.zeros(mi.Float, size) for _ in range(2 * bands * bands)))
    return _mean_over(count, state, step, "glossy transfer")


def _mean_over(count: Any, state: tuple[Any, ...], step: Callable[..., tuple[Any, ...]], label: str) -> list[Any]:
    """Run ``step`` ``count`` times on ``state`` (an index and sums) in one kernel; the sums divided by ``count``."""
    import drjit as dr

    loop: Any = dr.while_loop
    _, *sums = loop(state, lambda index, *_: index < count, step, label=label)
    return [total / count for total in sums]


def sample_lobe(view: Any, alpha: Any, sample: tuple[Any, Any]) -> tuple[Any, Any, Any]:
    """A direction of the GGX lobe by visible normals, in the shading frame.

    Dupuy and Benyoub, "Sampling Visible GGX Normals with Spherical Caps" (2023).

    Args:
        view: local unit direction to the viewer.
        alpha: roughness squared.
        sample: two uniform numbers.

    Returns:
        local unit direction to the light, cosine between view and half vector, and the weight G2 / G1 of the sample, so
        that the specular radiance is the mean of weight * F * L; the weight is 0 for directions below the surface.
    """
    import drjit as dr
    import mitsuba as mi

    wide = dr.normalize(mi.Vector3f(alpha * view.x, alpha * view.y, dr.maximum(view.z, LEAST_COSINE)))
    height = dr.fma(1.0 - sample[1], 1.0 + wide.z, -wide.z)
    radius = dr.safe_sqrt(1.0 - height * height)
    sine, cosine = dr.sincos(2.0 * dr.pi * sample[0])
    cap = mi.Vector3f(radius * cosine + wide.x, radius * sine + wide.y, height + wide.z)
    half = dr.normalize(mi.Vector3f(alpha * cap.x, alpha * cap.y, cap.z))
    half_cosine = dr.dot(view, half)
    local = dr.fma(half, 2.0 * half_cosine, -view)
    masked = 1.0 + smith_lambda(dr.maximum(view.z, LEAST_COSINE), alpha)
    weight = masked / (masked + smith_lambda(dr.maximum(local.z, LEAST_COSINE), alpha))
    usable = (local.z > 0) & (half_cosine > 0) & (view.z > 0)
    return local, dr.clip(half_cosine, 0.0, 1.0), dr.select(usable, weight, 0.0)
