"""The PyTorch Index of the preferences: only whole https addresses, and only to the installer, by a variable."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace

import bpy
import pytest
from nextgenface.operators import engine as engine_operators
from nextgenface.operators.engine_setup import EngineSetup, Source
from nextgenface.properties import preferences

pytestmark = pytest.mark.blender

GOOD = ("", "https://packages.example/whl/cpu", "https://packages.example:8443/simple/")
BAD = (
    "http://packages.example/whl", "packages.example", "https://", "file:///tmp", "https://a b.example", "https://[::1/whl",
    "https://x.example/ --index-url=http://y.example", "https://x.example\nhttp://y.example", "https://me:word@x.example/",
)  # fmt: skip


@pytest.mark.parametrize("address", GOOD)
def test_a_whole_https_address_is_taken(address):
    assert preferences.index_problem(address) == ""


@pytest.mark.parametrize("address", BAD)
def test_everything_else_is_told(address):
    assert preferences.index_problem(address).startswith("The PyTorch Index ")


def test_the_preference_reaches_the_installer_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.delenv("NEXTGENFACE_TORCH_INDEX", raising=False)
    source = Source(tmp_path, False, GOOD[1])
    code = "import os; print(os.environ.get('NEXTGENFACE_TORCH_INDEX'))"
    for variables, told in ((source.variables(), GOOD[1]), (Source(tmp_path, False).variables(), "None")):
        log = tmp_path / "log"
        log.unlink(missing_ok=True)
        setup = EngineSetup(
            [("Step", [sys.executable, "-c", code])], tmp_path / "e", log, adds=True, variables=variables
        )
        setup.start()
        setup.join(20)
        assert log.read_text().strip() == told
    assert "NEXTGENFACE_TORCH_INDEX" not in os.environ, "Blender's own environment stays as it is"


def test_the_variable_serves_where_the_preference_is_empty(tmp_path, monkeypatch):
    monkeypatch.setenv("NEXTGENFACE_TORCH_INDEX", GOOD[2])
    code = "import os; print(os.environ.get('NEXTGENFACE_TORCH_INDEX'))"
    for preferred, told in (("", GOOD[2]), (GOOD[1], GOOD[1])):
        setup = EngineSetup(
            [("Step", [sys.executable, "-c", code])], tmp_path / "e", tmp_path / "log", adds=True,
            variables=Source(tmp_path, False, preferred).variables(),
        )  # fmt: skip
        setup.start()
        setup.join(20)
        assert setup.line == told


def test_it_is_a_preference_of_the_add_on(add_on):
    own = bpy.context.preferences.addons["nextgenface"].preferences
    own.torch_index = f" {GOOD[1]} "
    assert engine_operators.package_source(bpy.context).torch_index == GOOD[1]


def test_a_set_up_with_a_wrong_index_is_refused_where_the_button_is(add_on, monkeypatch, tmp_path):
    said = []
    kind = SimpleNamespace(poll_message_set=said.append)
    poll = engine_operators._Install.poll.__func__
    context = bpy.context
    context.preferences.addons["nextgenface"].preferences.torch_index = BAD[0]
    for offline in (False, True):
        monkeypatch.setattr(engine_operators, "package_source", lambda _, o=offline: Source(tmp_path, o, BAD[0]))
        monkeypatch.setattr(engine_operators, "bpy", SimpleNamespace(app=SimpleNamespace(online_access=True)))
        assert poll(kind, context) == offline
    assert said == ["The PyTorch Index must be a whole address that begins with https://"]
