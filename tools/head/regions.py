"""Soft masks of the head's regions, drawn on the mean head by anatomical points and by hm08's own edge loops."""

from __future__ import annotations

import numpy as np
from nextgenface.engine.faces.topology import edges, vertex_normals
from numpy.typing import NDArray

from .cut import Cut
from .landmarks import part_centre, point
from .source import Array, Source


def region_masks(cut: Cut, mean: Array, source: Source) -> dict[str, NDArray[np.float32]]:
    """Region -> (V,) in [0, 1], symmetric. ``mean`` (V, 3) is in the head's frame."""
    painter = _Painter(cut, mean, source)
    masks = {
        "lips": painter.lips(),
        "nose": painter.nose(),
        "brows": painter.brows(),
        "eyelids": painter.eyelids(),
        "eye_sockets": painter.eye_sockets(),
        "ears": painter.ears(),
        "neck": painter.neck(),
        "scalp": painter.scalp(),
    }
    masks["forehead"] = painter.forehead(masks)
    masks["beard"] = painter.beard(masks)
    masks["cheeks"] = painter.cheeks(masks)
    masks["face"] = painter.face(masks)
    return {name: painter.finish(mask) for name, mask in masks.items()}


class _Painter:
    """What the masks are drawn with; x is taken without its sign, so that each is drawn once for both sides."""

    def __init__(self, cut: Cut, mean: Array, source: Source) -> None:
        self.cut, self.mean, self.source = cut, mean, source
        self.x, self.y, self.z = np.abs(mean[:, 0]), mean[:, 1], mean[:, 2]
        self.outer = cut.outer_skin
        self.normals = vertex_normals(mean.astype(np.float32), _triangles(cut)).astype(np.float64)
        self.eye = part_centre(cut, mean, "eye_left")
        self.edges = edges(cut.quads.astype(np.int32))

    def at(self, name: str) -> Array:
        """(3,) an anatomical point of the left side."""
        return point(self.cut, self.mean, name)

    def support(self, *targets: str) -> Array:
        """(V,) how far the targets move each vertex, as a part of the most; both sides of one-sided targets."""
        size = np.zeros(len(self.mean))
        for name in targets:
            moved = np.linalg.norm(self.cut.gather(self.source.target(name)), axis=1)
            size = np.maximum(size, moved / moved.max())
        return np.maximum(size, size[self.cut.mirror])

    def smooth(self, mask: Array, rounds: int) -> Array:
        """``mask`` averaged with its neighbours' some times."""
        for _ in range(rounds):
            total = np.bincount(self.edges[:, 0], mask[self.edges[:, 1]], len(mask))
            total += np.bincount(self.edges[:, 1], mask[self.edges[:, 0]], len(mask))
            mask = (mask + total / np.maximum(np.bincount(self.edges.ravel(), minlength=len(mask)), 1)) / 2
        return mask

    def lips(self) -> Array:
        volume = self.support("mouth/mouth-upperlip-volume-incr", "mouth/mouth-lowerlip-volume-incr")
        return np.maximum(step(0.06, 0.25, volume), self.cut.rings(self.cut.mouth_rim, 2) <= 2)

    def nose(self) -> Array:
        width = step(0.1, 0.5, self.support("nose/nose-scale-horiz-incr", "nose/nose-volume-incr"))
        wing, root = self.at("alare"), self.at("sellion")
        height = np.clip((self.y - self.at("subnasale")[1]) / (root[1] - self.at("subnasale")[1]), 0, 1)
        half = (wing[0] + 1.5) * (1 - height) ** 1.5 + 8.0 * (1 - (1 - height) ** 1.5)
        box = step(3.0, -2.0, self.x - half) * step(-4.0, 1.0, self.y - self.at("subnasale")[1])
        return np.maximum(box, width * 0.5 * (box > 0)) * step(4.0, -6.0, self.y - root[1]) * (self.z > wing[2] - 25)

    def brows(self) -> Array:
        path = self.eye[:2] + np.array([[-19.0, 15.5], [-9.0, 20.0], [6.0, 22.5], [16.0, 20.5], [25.0, 14.0]])
        width = np.array([3.6, 4.2, 3.6, 2.8, 1.5])
        return stroke(np.stack([self.x, self.y], 1), path, width, 3.0) * (self.z > self.eye[2] - 15)

    def eyelids(self) -> Array:
        ring = self.cut.rings(self.cut.lid_rim, 7)
        return np.interp(ring, [0, 4, 7], [1.0, 1.0, 0.0])

    def eye_sockets(self) -> Array:
        dx, dy = self.x - self.eye[0], self.y - self.eye[1]
        radius = np.hypot(dx / 27.0, np.where(dy > 0, dy / 17.0, dy / 20.0))
        return step(1.15, 0.75, radius) * (self.z > self.eye[2] - 12)

    def ears(self) -> Array:
        tragion, head = self.at("tragion"), self.at("euryon")[0]
        behind = step(6.0, 1.0, self.z - tragion[2])
        out = step(-0.5, 2.5, self.x - np.minimum(tragion[0], head) + 1.0)
        near = np.hypot((self.y - tragion[1] - 4) / 38.0, (self.z - tragion[2] + 12) / 24.0)
        return behind * out * step(1.05, 0.85, near)

    def under_jaw(self) -> Array:
        """(V,) mm below the line from the gonion to the menton, seen from the side; level behind the gonion."""
        gonion, menton = self.at("gonion"), self.at("menton")
        slope = (menton[1] - gonion[1]) / (menton[2] - gonion[2])
        return np.asarray(gonion[1] + slope * np.maximum(self.z - gonion[2], 0.0) - self.y)

    def hairline(self) -> Array:
        """(V,) mm above the hairline: across the forehead, down the temples, in front of and behind the ears."""
        brow = self.at("glabella")[1]
        front = self.y - (brow + 56.0 - 0.006 * self.x**2)
        temple = np.minimum(58.0 - self.z, self.y - self.at("tragion")[1] - 4.0)
        nape = np.minimum(-12.0 - self.z, self.y - self.at("gonion")[1] + 2.0)
        return np.maximum(np.maximum(front, temple), nape)

    def neck(self) -> Array:
        low = step(4.0, 14.0, self.under_jaw())
        return low * step(4.0, -4.0, self.hairline())

    def scalp(self) -> Array:
        return step(-4.0, 5.0, self.hairline()) * (1 - self.ears())

    def forehead(self, masks: dict[str, Array]) -> Array:
        above = step(-2.0, 6.0, self.y - self.at("glabella")[1] - 2.0 + 0.003 * self.x**2) * (self.z > 30)
        return above * (1 - masks["scalp"]) * (1 - masks["brows"]) * (1 - masks["eye_sockets"])

    def beard(self, masks: dict[str, Array]) -> Array:
        corner, wing = self.at("cheilion"), self.at("alare")
        below_nose = step(2.0, -3.0, self.y - self.at("subnasale")[1])
        muzzle = step(12.0, 4.0, self.x - corner[0]) * below_nose
        jaw = step(4.0, -8.0, self.y - np.interp(self.x, [corner[0], self.at("gonion")[0], 75], [-52.0, -42.0, -5.0]))
        sideburn = step(12.0, 4.0, np.abs(self.z - 12.0)) * step(6.0, -2.0, self.y - self.at("tragion")[1])
        front = step(wing[2] - 95, wing[2] - 85, self.z)
        grown = np.maximum(np.maximum(muzzle, jaw) * front, sideburn * (self.x > 40))
        return (
            grown * step(22.0, 10.0, self.under_jaw()) * (1 - masks["lips"]) * (1 - masks["ears"]) * (1 - masks["nose"])
        )

    def cheeks(self, masks: dict[str, Array]) -> Array:
        centre = np.array([self.eye[0] + 14.0, self.at("subnasale")[1] + 3.0])
        radius = np.hypot((self.x - centre[0]) / 26.0, (self.y - centre[1]) / 27.0)
        free = (1 - masks["nose"]) * (1 - masks["lips"]) * (1 - masks["eye_sockets"]) * (1 - masks["ears"])
        return step(1.15, 0.6, radius) * free * step(15.0, 30.0, self.z)

    def face(self, masks: dict[str, Array]) -> Array:
        front = step(6.0, 18.0, self.z)
        return front * step(12.0, 5.0, self.under_jaw()) * step(2.0, -6.0, self._hairline_front()) * (1 - masks["ears"])

    def _hairline_front(self) -> Array:
        """(V,) as `hairline`, without the part behind the ears and with the bare temples kept."""
        front = self.y - (self.at("glabella")[1] + 56.0 - 0.006 * self.x**2)
        return np.maximum(front, np.minimum(40.0 - self.z, self.y - self.at("tragion")[1] - 4.0))

    def finish(self, mask: Array) -> NDArray[np.float32]:
        """The mask on the outer skin only, smoothed once, symmetric, 1 at its height."""
        mask = self.smooth(np.clip(mask, 0, 1) * self.outer, 1) * self.outer
        mask = mask / mask.max()
        return ((mask + mask[self.cut.mirror]) / 2).astype(np.float32)


def step(low: float, high: float, value: Array) -> Array:
    """0 up to ``low``, 1 from ``high`` on, smooth between; falls where ``high`` < ``low``."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def stroke(points: Array, path: Array, width: Array, softness: float) -> Array:
    """(n,) 1 within ``width`` of a path's pieces, 0 from ``softness`` beyond it on; all in mm of a plane."""
    result = np.zeros(len(points))
    for a, b, wa, wb in zip(path[:-1], path[1:], width[:-1], width[1:], strict=True):
        along = np.clip((points - a) @ (b - a) / ((b - a) @ (b - a)), 0.0, 1.0)
        distance = np.linalg.norm(points - a - along[:, None] * (b - a), axis=1)
        result = np.maximum(result, step(softness, 0.0, distance - (wa + along * (wb - wa))))
    return result


def _triangles(cut: Cut) -> NDArray[np.int32]:
    """(T, 3) the quads split."""
    return np.concatenate([cut.quads[:, [0, 1, 2]], cut.quads[:, [0, 2, 3]]]).astype(np.int32)
