"""Which renderer is chosen, and what becomes of libraries that do not work."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from nextgenface.engine.errors import RenderError
from nextgenface.engine.render import llvm, variant
from nextgenface.engine.render.llvm_places import newest_first

pytestmark = pytest.mark.engine


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NEXTGENFACE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_chosen_variant_differentiates():
    info = variant.activate("cpu")
    assert (info.name, info.device) == ("llvm_ad_rgb", "cpu")
    import drjit as dr
    import mitsuba as mi

    x = mi.Float(2.0)
    dr.enable_grad(x)
    dr.backward(x * x)
    assert dr.grad(x)[0] == 4.0


def test_activating_twice_is_free():
    assert variant.activate("auto") is variant.activate("cpu")


def test_a_library_that_is_none_is_told_and_not_used(cache, tmp_path):
    broken = tmp_path / "libLLVM-99.so"
    broken.write_bytes(b"not a library")
    trial = llvm.try_out("llvm_ad_rgb", broken)
    assert not trial.ok and trial.detail.startswith("ended")


def test_the_answer_is_remembered_until_the_file_changes(cache, tmp_path, monkeypatch):
    library = tmp_path / "libLLVM-1.so"
    library.write_bytes(b"one")
    monkeypatch.setattr(llvm, "_run_probe", lambda *_: (llvm.Trial("llvm_ad_rgb", str(library), True, "fine"), True))
    assert llvm.try_out("llvm_ad_rgb", library).ok
    monkeypatch.setattr(llvm, "_run_probe", lambda *_: pytest.fail("asked again"))
    assert llvm.try_out("llvm_ad_rgb", library).ok
    library.write_bytes(b"another")
    with pytest.raises(pytest.fail.Exception):
        llvm.try_out("llvm_ad_rgb", library)


@pytest.mark.parametrize("damage", ["{", "[]", '{"a": 1}'])
def test_a_damaged_cache_counts_as_empty(cache, tmp_path, damage):
    cache.mkdir()
    (cache / "renderers.json").write_text(damage)
    library = tmp_path / "libLLVM-2.so"
    library.write_bytes(b"no library")
    assert not llvm.try_out("llvm_ad_rgb", library).ok
    assert any(str(library) in key for key in json.loads((cache / "renderers.json").read_text()))


def test_a_child_that_hangs_is_ended_and_asked_again_later(cache, tmp_path, monkeypatch):
    hanging = tmp_path / "probe.py"
    hanging.write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setattr(llvm, "PROBE", hanging)
    library = tmp_path / "libLLVM-3.so"
    library.write_bytes(b"x")
    trial = llvm.try_out("llvm_ad_rgb", library, seconds=0.5)
    assert not trial.ok and "no answer" in trial.detail
    assert not (cache / "renderers.json").exists()


def test_the_child_gets_no_python_variables(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONSTARTUP", "x")
    monkeypatch.setenv("DRJIT_LIBLLVM_PATH", "/nowhere")
    kept = llvm._clean_environment()
    assert not [name for name in kept if name.startswith(("PYTHON", "DRJIT_"))]


def test_without_any_library_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setattr(llvm, "candidates", lambda: [])
    with pytest.raises(RenderError) as caught:
        variant.choose("cpu")
    assert "karellen-llvm-core" in caught.value.remedy


def test_cuda_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr("nextgenface.engine.render.cuda.driver_summary", lambda: "")
    with pytest.raises(RenderError, match="GPU"):
        variant.choose("cuda")
    with pytest.raises(RenderError, match="no device"):
        variant.choose("abacus")


def test_newer_libraries_come_first():
    names = [Path("libLLVM-14.so.1"), Path("libLLVM.so.23.1"), Path("libLLVM-19.so")]
    assert [str(path) for path in newest_first(names)] == ["libLLVM.so.23.1", "libLLVM-19.so", "libLLVM-14.so.1"]


def test_the_environment_variable_comes_before_all(monkeypatch, tmp_path):
    library = tmp_path / "libLLVM-own.so"
    library.write_bytes(b"x")
    monkeypatch.setenv("DRJIT_LIBLLVM_PATH", str(library))
    assert llvm.candidates()[0] == library


def test_describe_has_a_line_for_each_library(monkeypatch):
    monkeypatch.setattr(llvm, "candidates", lambda: [Path("good"), Path("bad")])
    monkeypatch.setattr(
        llvm, "try_out", lambda kind, path: llvm.Trial(kind, str(path), str(path) == "good", "detail of " + str(path))
    )
    monkeypatch.setattr("nextgenface.engine.render.cuda.driver_summary", lambda: "")
    lines = {line["name"]: line["ok"] for line in variant.describe()}
    assert lines == {"CUDA": False, "LLVM good": True, "LLVM bad": False}


def test_an_import_that_came_too_early_is_told():
    """In a process of its own: here Mitsuba is imported already."""
    script = "import drjit; from nextgenface.engine.render.variant import activate; activate('cpu')"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DRJIT_")}
    done = subprocess.run([sys.executable, "-c", script], env=clean, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "imported before" in done.stderr


def test_probe_runs_by_its_path_alone():
    text = llvm.PROBE.read_text(encoding="utf-8")
    assert "from ." not in text and sys.executable
