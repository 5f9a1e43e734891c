"""The lists in wheels/ name everything that pip installs for the engine."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.engine

WHEELS = Path(__file__).resolve().parents[2] / "wheels"


def required(*lists):
    """What the lists name for this machine and this Python."""
    lines = [line.partition("#")[0].strip() for name in lists for line in (WHEELS / name).read_text().splitlines()]
    found = [Requirement(line) for line in lines if line]
    return [item for item in found if item.marker is None or item.marker.evaluate()]


def pinned(*lists):
    """Canonical names of what the lists name here."""
    return {canonicalize_name(item.name) for item in required(*lists)}


def asked_for(name):
    """Canonical names of what an installed package asks for here, without extras."""
    found = [Requirement(line) for line in importlib.metadata.requires(name) or []]
    return {canonicalize_name(item.name) for item in found if not item.marker or item.marker.evaluate({"extra": ""})}


def test_what_the_engine_s_packages_ask_for_is_pinned_too():
    # pip comes with the environment.
    names = pinned("engine.txt") | {"pip"}
    lacking = {f"{name}: {other}" for name in names - {"pip"} for other in asked_for(name) - names}
    # A PyTorch with CUDA pins its own libraries to single versions.
    assert {
        entry for entry in lacking if not entry.partition(": ")[2].startswith(("nvidia-", "triton", "cuda-"))
    } == set()


def test_the_versions_that_run_are_those_that_are_pinned():
    for item in required("engine.txt"):
        assert str(item.specifier) == f"=={importlib.metadata.version(item.name).partition('+')[0]}", item.name
