"""Which device the rendering tests trace on: the processor, so that results are the same everywhere, or what is asked for."""

import os

# NEXTGENFACE_TEST_DEVICE=cuda runs them on an NVIDIA GPU.
DEVICE = os.environ.get("NEXTGENFACE_TEST_DEVICE", "cpu")
