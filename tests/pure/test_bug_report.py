"""The text of a bug report."""

from __future__ import annotations

from nextgenface.engine.bug_report import Facts, end_of_log, report_text

CHECK = [
    {"name": "LLVM /usr/lib/llvm-17/lib/libLLVM.so", "ok": True, "detail": "compiles", "remedy": ""},
    {"name": "CUDA", "ok": False, "detail": "no NVIDIA GPU", "remedy": "None needed."},
]


def test_a_report_tells_all_and_nobody_s_name():
    facts = Facts(
        versions={"NextGenFace": "0.1.0", "Blender": "4.5.1"},
        engine="set up by the add-on",
        check=CHECK,
        job={"state": "failed", "message": "No face was found in 'anna.jpg'.", "remedy": ""},
        settings={"preset": "high", "face_model_folder": "/home/anna/basel"},
        log="INFO start\nERROR /home/anna/x/anna.jpg",
    )
    text = report_text(facts, {"/usr/lib": "<system>"}, ["anna"])
    assert text.splitlines()[:2] == ["NextGenFace: 0.1.0", "Blender: 4.5.1"]
    assert "* ok, LLVM <system>/llvm-17/lib/libLLVM.so: compiles" in text
    assert "* no, CUDA: no NVIDIA GPU (None needed.)" in text
    assert "* message: No face was found in '<file>.jpg'." in text
    assert "* remedy" not in text
    assert "* face_model_folder = '<path>'" in text
    assert "ERROR <path>.jpg" in text
    assert "anna" not in text.lower()


def test_a_report_of_nothing_says_so():
    text = report_text(Facts({"NextGenFace": "0.1.0"}), {}, [])
    for part in ("Check Engine:\n* not pressed", "Last job:\nnone", "Settings:\ndefaults", "no log"):
        assert part in text


def test_only_the_end_of_a_log_is_told(tmp_path):
    log = tmp_path / "a.log"
    log.write_bytes(b"\n".join(b"line %d" % number for number in range(100)) + b"\nb\xff d")
    lines = end_of_log(log, 3).splitlines()
    assert lines[:2] == ["line 98", "line 99"]
    assert len(lines) == 3
    assert end_of_log(tmp_path / "none.log") == ""
    assert end_of_log(tmp_path) == ""
