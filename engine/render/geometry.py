"""A head's geometry as Mitsuba traces it: built once, cheap to update when the vertices move."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RenderError
from .variant import activate

FloatArray = NDArray[np.float32]


class TracedScene:
    """Triangles without material or light, to be hit by rays. Activates Mitsuba's variant ("auto" where none is set).

    Attributes:
        vertices: (V, 3) float32, mm, head frame.
        triangles: (T, 3) int32.
        scene: the ``mitsuba.Scene``.
    """

    def __init__(self, vertices: NDArray[Any], triangles: NDArray[Any]) -> None:
        """Build the acceleration structure.

        Raises:
            RenderError: the arrays have other shapes, or a triangle names a vertex that is not there.
        """
        activate()
        import mitsuba as mi

        self.triangles = np.ascontiguousarray(triangles, np.int32)
        self.vertices = _checked(vertices, self.triangles)
        mesh = mi.Mesh("head", len(self.vertices), len(self.triangles))
        parameters = mi.traverse(mesh)
        parameters["vertex_positions"] = mi.Float(self.vertices.ravel())
        parameters["faces"] = mi.UInt32(self.triangles.ravel().astype(np.uint32))
        parameters.update()
        self.scene = mi.load_dict({"type": "scene", "head": mesh})
        self._parameters = mi.traverse(self.scene)

    def update(self, vertices: NDArray[Any]) -> None:
        """Move the vertices, (V, 3) mm; the triangles stay."""
        import mitsuba as mi

        self.vertices = _checked(vertices, self.triangles)
        self._parameters["head.vertex_positions"] = mi.Float(self.vertices.ravel())
        self._parameters.update()

    def intersect(self, origins: NDArray[Any], directions: NDArray[Any]) -> tuple[NDArray[np.int32], FloatArray]:
        """What rays hit first.

        Args:
            origins: (M, 3) mm.
            directions: (M, 3), unit.

        Returns:
            (M,) int32 row of ``triangles``, -1 where nothing is hit, and (M, 3) float32 barycentric weights of its
            corners (0 where nothing is hit).
        """
        import drjit as dr
        import mitsuba as mi

        if not len(origins):
            # Dr.Jit ends the process when it is to trace none.
            return np.zeros(0, np.int32), np.zeros((0, 3), np.float32)
        ray = mi.Ray3f(mi.Point3f(columns(origins)), mi.Vector3f(columns(directions)))
        hit = self.scene.ray_intersect_preliminary(ray, coherent=True)
        valid = hit.is_valid()
        triangle = dr.select(valid, mi.Int32(hit.prim_index), -1)
        u, v = dr.select(valid, hit.prim_uv.x, 0.0), dr.select(valid, hit.prim_uv.y, 0.0)
        w = dr.select(valid, 1.0 - u - v, 0.0)
        dr.eval(triangle, u, v, w)
        return np.array(triangle), np.stack([np.array(w), np.array(u), np.array(v)], 1)


def columns(points: NDArray[Any]) -> FloatArray:
    """(3, M) contiguous, the order in which Dr.Jit takes vectors."""
    return np.ascontiguousarray(np.asarray(points, np.float32).T)


def _checked(vertices: NDArray[Any], triangles: NDArray[np.int32]) -> FloatArray:
    result = np.ascontiguousarray(vertices, np.float32)
    if result.ndim != 2 or result.shape[1] != 3 or triangles.ndim != 2 or triangles.shape[1] != 3:
        raise RenderError(
            f"A mesh came with the shapes {result.shape} and {triangles.shape}.", "Both must be (..., 3)."
        )
    if not len(triangles) or triangles.min() < 0 or triangles.max() >= len(result):
        raise RenderError("A mesh's triangles name vertices that it does not have.", "Check the face model.")
    if not np.isfinite(result).all():
        raise RenderError("A mesh has vertices that are nowhere.", "The fit has gone astray: start it again.")
    return result
