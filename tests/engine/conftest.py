"""Tests of the engine: they need its packages; without them the rendering tests are not collected."""

import importlib.util
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

collect_ignore_glob = [] if importlib.util.find_spec("mitsuba") else ["test_render_*.py"]
