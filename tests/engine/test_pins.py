"""The lists in wheels/ name everything that pip installs for the engine."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.engine

WHEELS = Path(__file__).resolve().parents[2] / "wheels"


def pinned(*lists):
    """Canonical names in the lists, of what this machine needs."""
    lines = [line.partition("#")[0].strip() for name in lists for line in (WHEELS / name).read_text().splitlines()]
    found = [Requirement(line) for line in lines if line]
    return {canonicalize_name(item.name) for item in found if item.marker is None or item.marker.evaluate()}


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
    lines = [
        line.partition("#")[0].partition(";")[0].strip() for line in (WHEELS / "engine.txt").read_text().splitlines()
    ]
    for name, _, version in (line.partition("==") for line in lines if line):
        assert importlib.metadata.version(name).partition("+")[0] == version, name
