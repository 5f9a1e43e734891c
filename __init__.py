# SPDX-License-Identifier: GPL-3.0-or-later
"""NextGenFace: photos of a face become a head in Blender."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"
# For Python programs, and where each is. They are imported when they are asked for: Blender must never import some of them.
_EXPORTS = {
    "Config": "reference_api",
    "Optimizer": "reference_api",
    "Pipeline": "reference_api",
    "Renderer": "reference_api",
    "Reconstruction": "api",
    "reconstruct": "api",
    "resized": "api",
    "turned": "api",
    "Settings": "settings",
}
__all__ = [*_EXPORTS]


def __getattr__(name: str) -> Any:
    """What ``from nextgenface import ...`` gives."""
    if name not in _EXPORTS:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.engine.{_EXPORTS[name]}"), name)


def register() -> None:
    """Called by Blender when the extension is enabled.

    Raises:
        RuntimeError: Blender's Python has no NumPy; Debian's can come without.
    """
    import importlib.util

    if importlib.util.find_spec("numpy") is None:
        raise RuntimeError(
            "This Blender has no NumPy. Install the system's package python3-numpy and start Blender again."
        )
    # bpy is imported here and not above, because tests and the engine's own install import this package without Blender.
    from . import registration

    registration.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled."""
    from . import registration

    registration.unregister()
