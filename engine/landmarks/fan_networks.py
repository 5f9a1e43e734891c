"""The two networks of the package face-alignment with their weights: one finds faces, the other their 68 points.

The package itself is not imported: it would bring Numba and scikit-image, take its weights from the network without asking,
and compile the networks for minutes. The two modules in it that define the networks need PyTorch only and are loaded alone;
cutting out faces and reading heatmaps, for which it needs the rest, is done in `fan`.
"""

from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path
from typing import Any

import torch

from ..errors import SettingsError

PACKAGE = "face_alignment"
INSTALL = "Set up the engine with FAN: press Add FAN in the preferences in Blender, or python3.11 tools/setup_engine.py --fan."
HOURGLASSES = 4


def is_installed() -> bool:
    """Whether the package is there; it is not imported."""
    return importlib.util.find_spec(PACKAGE) is not None


def load_points_network(weights: Path) -> torch.nn.Module:
    """FAN: (B, 3, 256, 256) RGB in [0, 1] to a list of (B, 68, 64, 64) heatmaps, the last of which is the best.

    Raises:
        SettingsError: the package is missing or another version, or the weights do not belong to the network.
    """
    return _with_weights(_class("models/fan.py", "FAN")(HOURGLASSES), weights)


def load_faces_network(weights: Path) -> torch.nn.Module:
    """S3FD: (B, 3, H, W) BGR less its mean to scores (B, 2, h, w) and boxes (B, 4, h, w) in turn, for six strides.

    Raises:
        SettingsError: as `load_points_network`.
    """
    return _with_weights(_class("detection/sfd/net_s3fd.py", "s3fd")(), weights)


def _class(file: str, name: str) -> Any:
    """A class of one module of the package, whose own imports are PyTorch's only."""
    package = importlib.util.find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise SettingsError("The package face-alignment is not installed.", INSTALL)
    path = Path(package.origin).parent / file
    spec = importlib.util.spec_from_file_location(f"nextgenface_{path.stem}", path)
    try:
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return getattr(module, name)
    except (OSError, ImportError, AttributeError) as error:
        raise SettingsError(f"This version of face-alignment has no {name} in {file}.", INSTALL) from error


def _with_weights(network: torch.nn.Module, path: Path) -> torch.nn.Module:
    """``network`` with the weights of a file, ready for use.

    A file of PyTorch is a pickle, which can run anything when it is read; with ``weights_only`` it can make tensors and plain
    containers, and nothing else.
    """
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (
        OSError,
        RuntimeError,
        ValueError,
        TypeError,
        AttributeError,
        KeyError,
        EOFError,
        pickle.UnpicklingError,
    ) as error:
        raise SettingsError(
            f"{path.name} does not hold the weights of {type(network).__name__}.", "Delete it and download it again."
        ) from error
    return network.eval().requires_grad_(False)
