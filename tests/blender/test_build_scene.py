from __future__ import annotations

import numpy as np
import pytest
import bpy
from bpy_extras.object_utils import world_to_camera_view
from nextgenface.operators.build_scene import BuildOptions, build_result
from small_result import make_result, photo_result

pytestmark = pytest.mark.blender

def test_x(scene, tmp_path):
    b = build_result(scene, make_result(tmp_path), BuildOptions())
    print(b)
    bpy.ops.wm.save_as_mainfile(filepath="/tmp/w/blender/x.blend")
