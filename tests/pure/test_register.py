"""Enabling the add-on where Blender's Python lacks something; the rest is for the tests with Blender."""

from __future__ import annotations

import importlib.util

import nextgenface
import pytest


def test_a_blender_without_numpy_is_told_with_the_package_to_install(monkeypatch):
    """Debian's can be such a one."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(RuntimeError, match=r"no NumPy\. Install the system's package python3-numpy"):
        nextgenface.register()
