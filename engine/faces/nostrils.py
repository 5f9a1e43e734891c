"""Where the nostrils and the creases of the nose's wings are: as deep on people as no model's folds are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .embedding import embedded_points
from .model import FaceModel

# MediaPipe's points on both wings, below both nostrils and at the columella's foot (its mesh's numbering).
POINTS = (64, 98, 2, 327, 294)
# Millimetres from the nearest of them: all of it is meant up to the first, none from the second. The nostrils themselves, and
# how far around them the shadow may lie that is theirs on a person.
REACH, AROUND = (4.0, 6.5), (12.0, 16.0)


def nostril_mask(model: FaceModel, reach: tuple[float, float] = REACH) -> NDArray[np.float32]:
    """(V,) in [0, 1]: 1 at the underside of the nose and the roots of its wings on ``model``'s mean head; ``reach`` in mm."""
    points = embedded_points(model.mean, model.triangles, model.landmarks["mediapipe"])[list(POINTS)]
    off = np.linalg.norm(model.mean[:, None] - points[None], axis=2).min(1)
    inner, outer = reach
    return np.asarray(np.clip((outer - off) / (outer - inner), 0.0, 1.0), np.float32)
