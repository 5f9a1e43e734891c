"""Files of the layout of the Basel Face Model 2017 and AlbedoMM, written from heads of our own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from nextgenface.engine.faces.basel_files import ALBEDO_FILE, SHAPE_FILE

# What the published files have: vertices, and modes of shape, expression and albedo.
FULL_SIZE, FULL_MODES = 28588, (199, 100, 145)


@dataclass
class Pca:
    """What a group stores: mean (V, 3), orthonormal basis (3 V, K), variances (K,)."""

    mean: np.ndarray
    basis: np.ndarray
    variance: np.ndarray

    @classmethod
    def of(cls, mean, offsets):
        """From offsets (K, V, 3) of one standard deviation each, made orthogonal."""
        u, s, _ = np.linalg.svd(offsets.reshape(len(offsets), -1).T, full_matrices=False)
        return cls(mean, u, s**2)

    def write(self, group):
        group["mean"] = self.mean.ravel().astype(np.float32)
        group["pcaBasis"] = self.basis.astype(np.float32)
        group["pcaVariance"] = self.variance.astype(np.float32)


@dataclass
class Synthetic:
    """All that both files hold; triangles (T, 3)."""

    shape: Pca
    expression: Pca
    diffuse: Pca
    specular: Pca
    triangles: np.ndarray

    def write(self, folder):
        """Both files into ``folder``, under the published names."""
        import h5py

        folder.mkdir(parents=True, exist_ok=True)
        with h5py.File(folder / SHAPE_FILE, "w") as file:
            self.shape.write(file.create_group("shape/model"))
            file["shape/representer/cells"] = self.triangles.T.astype(np.int32)
            self.expression.write(file.create_group("expression/model"))
        with h5py.File(folder / ALBEDO_FILE, "w") as file:
            self.diffuse.write(file.create_group("diffuseAlbedo/model"))
            self.specular.write(file.create_group("specularAlbedo/model"))
        return folder


def small(rows=31, columns=29, modes=(5, 4, 3), seed=0):
    """A bulged sheet with a nose, mm, of ``rows`` x ``columns`` vertices; no face to a detector, but of the right layout."""
    rng = np.random.default_rng(seed)
    v, u = np.meshgrid(np.linspace(-1.2, 1.2, rows), np.linspace(-1.3, 1.3, columns), indexing="ij")
    mean = np.stack([70 * np.sin(u) * np.cos(v), 100 * np.sin(v), 80 * np.cos(u) * np.cos(v)], -1).reshape(-1, 3)
    mean[:, 2] += 25 * np.exp(-(u.ravel() ** 2) / 0.02 - v.ravel() ** 2 / 0.05)
    triangles = sheet(rows, columns)
    shape, expression, albedo = (
        np.stack([wave(mean, rng, size) for _ in range(n)]) for n, size in zip(modes, (4, 6, 0.02), strict=True)
    )
    skin = np.tile([0.45, 0.3, 0.22], (len(mean), 1))
    return Synthetic(
        Pca.of(mean, shape),
        Pca.of(np.zeros_like(mean), expression),
        Pca.of(skin, albedo),
        Pca.of(np.full_like(skin, 0.03), albedo * 0.1),
        triangles,
    )


def sheet(rows, columns):
    """(T, 3) triangles of a grid, counter-clockwise from +z."""
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)[None]).ravel()
    quads = np.stack([corner, corner + 1, corner + columns + 1, corner + columns], -1)
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)


def wave(mean, rng, size):
    """(V, 3) a smooth displacement of about ``size``."""
    frequency, phase = rng.normal(size=(3, 3)) / 70, rng.uniform(0, 6, 3)
    return size * np.sin(mean @ frequency.T + phase)
