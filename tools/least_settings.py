# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of runs that only have to run; for tools and tests."""

from __future__ import annotations

# As little as every stage can do.
LEAST_VALUES = {
    "fit_size": 128,
    "texture_size": 256,
    "environment_height": 16,
    "bands": 3,
    "stage2_iterations": 1,
    "stage3_iterations": 1,
    "transfer_directions": 32,
    "render_samples": 1,
    "preview_every": 0,
}
