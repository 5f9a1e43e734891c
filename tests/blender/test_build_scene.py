from __future__ import annotations

import bpy
import pytest
from nextgenface.operators.build_scene import BuildOptions, build_result
from small_result import make_result

pytestmark = pytest.mark.blender


def test_x(scene, tmp_path):
    b = build_result(scene, make_result(tmp_path), BuildOptions())
    print(b)
    bpy.ops.wm.save_as_mainfile(filepath="/tmp/w/blender/x.blend")
