# SPDX-License-Identifier: GPL-3.0-or-later
"""NextGenFace: photos of a face become a head in Blender."""

from __future__ import annotations

__version__ = "0.1.0"


def register() -> None:
    """Called by Blender when the extension is enabled."""
    # bpy is imported here and not above, because tests and the engine's own install import this package without Blender.
    from . import registration

    registration.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled."""
    from . import registration

    registration.unregister()
