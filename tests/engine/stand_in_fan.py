"""A stand-in for the package face-alignment: networks of the same interfaces that see coloured dots on a grey plate.

A picture of a face is a plate of one colour with a dot for each of the 68 points; both points of a pair have one colour. The
networks' only weights are these colours, so that they must be loaded from files as the real ones are.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from nextgenface.engine.landmarks import ibug

PLATE = (0.5, 0.5, 0.5)

POINTS_MODULE = '''
import torch


class FAN(torch.nn.Module):
    """Heat of a point: how much of its colour there is in the half of the picture that is its side's."""

    def __init__(self, hourglasses):
        super().__init__()
        assert hourglasses == 4
        self.colour = torch.nn.Parameter(torch.zeros(68, 3))
        self.side = torch.nn.Parameter(torch.zeros(68))

    def forward(self, x):
        assert x.shape[1:] == (3, 256, 256) and 0.0 <= x.min() and x.max() <= 1.0
        away = ((x[:, None] - self.colour[None, :, :, None, None]) ** 2).sum(2)
        heat = torch.nn.functional.avg_pool2d(torch.exp(-away / (2 * 0.03**2)), 4)
        across = torch.linspace(-1.0, 1.0, 64)
        mine = (across[None] * self.side[:, None] >= 0.0).float()
        heat = heat * mine[None, :, None, :]
        return [torch.zeros_like(heat), heat]
'''

FACES_MODULE = '''
import torch


class s3fd(torch.nn.Module):
    """One box about everything that has not the background's colour, told by the middle place of the stride that suits."""

    def __init__(self):
        super().__init__()
        self.background = torch.nn.Parameter(torch.zeros(3))

    def forward(self, x):
        scores = []
        height, width = x.shape[2:]
        rgb = (x + torch.tensor([104.0, 117.0, 123.0]).view(1, 3, 1, 1)).flip(1) / 255.0
        face = (rgb - self.background.view(1, 3, 1, 1)).abs().sum(1)[0] > 0.1
        rows, columns = face.nonzero().T
        for level in range(6):
            stride = 4 * 2**level
            shape = (height // stride, width // stride)
            score, move = torch.zeros(1, 2, *shape), torch.zeros(1, 4, *shape)
            score[:, 0] = 9.0
            if level == 3 and len(rows):
                low = torch.stack([columns.min(), rows.min()]).float()
                high = torch.stack([columns.max(), rows.max()]).float() + 1.0
                middle, size = (low + high) / 2, high - low
                place = (middle / stride).long()
                own = place * stride + stride / 2
                score[0, :, place[1], place[0]] = torch.tensor([0.0, 9.0])
                # A second, less sure box at the same place of the next stride must be dropped.
                move[0, :2, place[1], place[0]] = (middle - own) / (0.1 * 4 * stride)
                move[0, 2:, place[1], place[0]] = torch.log(size / (4 * stride)) / 0.2
            if level == 4 and len(rows):
                place = (middle / stride).long()
                own = place * stride + stride / 2
                score[0, :, place[1], place[0]] = torch.tensor([0.0, 2.0])
                move[0, :2, place[1], place[0]] = (middle + 2.0 - own) / (0.1 * 4 * stride)
                move[0, 2:, place[1], place[0]] = torch.log(size / (4 * stride)) / 0.2
            scores += [score, move]
        return scores
'''
BACKGROUND = (0.1, 0.2, 0.3)


def write_package(folder: Path) -> Path:
    """A package ``face_alignment`` in ``folder`` that must not be imported as a whole; the folder."""
    package = folder / "face_alignment"
    for name, text in (
        ("__init__.py", "raise RuntimeError('the whole package was imported')\n"),
        ("models/fan.py", POINTS_MODULE),
        ("detection/sfd/net_s3fd.py", FACES_MODULE),
    ):
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def colours() -> np.ndarray:
    """(68, 3) a colour for each pair of points and each point of the midline, well apart from each other and the plate."""
    grid = np.linspace(0.05, 0.95, 5)
    every = np.stack(np.meshgrid(grid, grid, grid, indexing="ij"), -1).reshape(-1, 3)
    apart = every[(np.abs(every - PLATE).max(1) > 0.3) & (np.abs(every - BACKGROUND).max(1) > 0.2)]
    first = [min(point, other) for point, other in enumerate(ibug.MIRRORED)]
    return apart[np.unique(first, return_inverse=True)[1]]


def write_weights(folder: Path, points_name: str, faces_name: str) -> None:
    """Both files of weights, as PyTorch saves them."""
    folder.mkdir(parents=True, exist_ok=True)
    own = np.array([point - other for point, other in enumerate(ibug.MIRRORED)])
    x = _layout()[:, 0]
    side = np.where(own == 0, 0.0, np.sign(x))
    state = {"colour": torch.tensor(colours()).float(), "side": torch.tensor(side).float()}
    torch.save(state, folder / points_name)
    torch.save({"background": torch.tensor(BACKGROUND)}, folder / faces_name)


def _layout() -> np.ndarray:
    """(68, 2) places of the points on a plate of [-1, 1]: spread out, so that dots do not touch, and symmetric."""
    result = np.zeros((68, 2))
    pairs = [(point, other) for point, other in enumerate(ibug.MIRRORED) if point < other]
    middle = [point for point, other in enumerate(ibug.MIRRORED) if point == other]
    columns = 5
    for number, (right, left) in enumerate(pairs):
        row, column = divmod(number, columns)
        x, y = -0.2 - 0.17 * column, -0.85 + 0.27 * row
        result[right], result[left] = (x, y), (-x, y)
    for number, point in enumerate(middle):
        result[point] = 0.0, -0.85 + 0.2 * number
    # The eyes' outer corners are level and apart, as `fan` takes a face to be upright by them.
    return result


def draw(
    size: tuple[int, int], centre: tuple[float, float], half: float, roll: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """A picture (H, W, 3) of one face, turned clockwise by ``roll`` degrees, and its points (68, 2)."""
    import cv2

    finer = 8
    height, width = size
    angle = np.deg2rad(roll)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    places = np.asarray(centre) + half * _layout() @ turn.T
    picture = np.full((height * finer, width * finer, 3), np.array(BACKGROUND) * 255)
    plate = np.asarray(centre) + half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) @ turn.T
    cv2.fillPoly(picture, [np.round(plate * finer).astype(np.int32)], [255 * part for part in PLATE])
    for place, colour in zip(places, colours(), strict=True):
        cv2.circle(
            picture,
            tuple(np.round(place * finer - 0.5).astype(int).tolist()),
            round(0.06 * half * finer),
            (255 * colour).tolist(),
            -1,
        )
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return np.round(small).astype(np.uint8), places
