# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls the benchmark's own programs, each in a process of its own, and reads what they print."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from nextgenface.engine.faces.choose import load_model
from nextgenface.engine.results.png import write_png
from numpy.typing import NDArray

from .cases import Benchmark, BenchmarkError, Case
from .results import write_landmarks

_LAST_LINES = 3
# Name of the geometry scores -> options of the scorer.
ALIGNMENTS = {"scaled": ("--scale",), "metric": ()}
RENDERS = {"reproduction": "photo.png", "relit": "relit.png"}


def shown(name: str) -> str:
    """The file name of a render of `RENDERS`, laid over black."""
    return f"{name}_over_black.png"


def last_object(text: str) -> dict[str, Any]:
    """The JSON object in the last line of ``text`` that is one. Raises BenchmarkError where there is none."""
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            try:
                found: dict[str, Any] = json.loads(line)
            except ValueError:
                continue
            return found
    raise BenchmarkError(f"The scorer printed no JSON object, but: {text.strip()[-200:]!r}.")


def run(command: Sequence[str | Path]) -> str:
    """What ``command`` prints. Raises BenchmarkError with its last words where it fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        words = " / ".join((done.stderr or done.stdout).strip().splitlines()[-_LAST_LINES:])
        raise BenchmarkError(f"{Path(command[1]).name} ended with exit code {done.returncode}: {words}")
    return done.stdout


def evaluate(benchmark: Benchmark, *arguments: str | Path) -> dict[str, Any]:
    """What the benchmark's evaluate.py prints."""
    return last_object(run([sys.executable, benchmark.folder / "evaluate.py", *arguments]))


def geometry(benchmark: Benchmark, case: Case, mesh: Path, landmarks: Path, out: Path | None = None) -> dict[str, Any]:
    """Distances in mm of a mesh, aligned by its landmarks, with and without one free scale; ``out`` keeps the scaled ones."""
    scores = {}
    for name, options in ALIGNMENTS.items():
        kept = ("--out", out) if out is not None and name == "scaled" else ()
        scores[name] = evaluate(benchmark, "geometry", case.folder, mesh, "--landmarks", landmarks, *options, *kept)
    return scores


def mean_face(benchmark: Benchmark, case: Case, face_model: str, cache: Path) -> dict[str, Any]:
    """`geometry` of a face model's mean head, kept in the folder ``cache`` for cases of the same head."""
    model = load_model(face_model)
    mesh, landmarks = cache / f"mean_{face_model}.obj", cache / f"mean_{face_model}.json"
    cache.mkdir(parents=True, exist_ok=True)
    write_landmarks(landmarks, model, model.mean)
    _write_triangles(mesh, model.mean, model.triangles)
    recipe = [case.shape_digest(), *(hashlib.sha256(path.read_bytes()).hexdigest() for path in (mesh, landmarks))]
    kept = cache / f"mean_{face_model}_on_{case.head}.json"
    known = json.loads(kept.read_text("utf-8")) if kept.is_file() else {}
    if known.get("recipe") != recipe:
        known = {"recipe": recipe, "scores": geometry(benchmark, case, mesh, landmarks)}
        kept.write_text(json.dumps(known), "utf-8")
    scores: dict[str, Any] = known["scores"]
    return scores


def _write_triangles(path: Path, vertices: NDArray[np.float32], triangles: NDArray[np.int32]) -> None:
    lines = [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in vertices.tolist()]
    lines += [f"f {a} {b} {c}" for a, b, c in (triangles + 1).tolist()]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def albedo(benchmark: Benchmark, case: Case, picture: Path) -> dict[str, Any]:
    """Scores of a picture of the diffuse albedo; ``ita_signed_deg`` is added: above 0 where it is too light."""
    scores = evaluate(benchmark, "albedo", case.folder, picture)
    return {**scores, "ita_signed_deg": scores["ita_pred_deg"] - scores["ita_gt_deg"]}


def render(benchmark: Benchmark, case: Case, blend: Path, folder: Path, samples: int, python: Path) -> None:
    """Have the benchmark's relight.py write ``reproduction.png`` and ``relit.png`` into ``folder``, with a ``python`` with bpy."""
    for name in RENDERS:
        (folder / f"{name}.png").unlink(missing_ok=True)
    command = [python, benchmark.folder / "relight.py", blend, case.folder, "--render-only"]
    run([*command, "--samples", str(samples), "--out", folder])
    for name in RENDERS:
        if not (folder / f"{name}.png").is_file():
            raise BenchmarkError(f"relight.py wrote no {name}.png. Run it by hand and see what it says.")


def picture(benchmark: Benchmark, case: Case, name: str, folder: Path) -> dict[str, Any]:
    """Scores of the render ``name`` of `RENDERS`, laid over black, with the share of the face's mask that it covers."""
    path = folder / shown(name)
    alpha = over_black(folder / f"{name}.png", path)
    scores = evaluate(benchmark, "photo", case.folder, path, "--reference", RENDERS[name])
    mask = cv2.imread(str(case.folder / "face_mask.png"), cv2.IMREAD_GRAYSCALE) > 127
    return {**scores, "covered": float((alpha[mask] > 0.5).mean())}


def over_black(source: Path, target: Path) -> NDArray[np.float64]:
    """Write ``source``, a picture with straight alpha, over black with 16 bits; (H, W) its alpha in [0, 1]."""
    image = cv2.imread(str(source), cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 3 or image.shape[2] != 4:
        raise BenchmarkError(f"{source} is no picture with alpha. Render it again.")
    values = image / (65535.0 if image.dtype == np.uint16 else 255.0)
    alpha = values[:, :, 3]
    # The scorer's own way: encoded values, uncovered pixels count as black.
    encoded = values[:, :, 2::-1] * alpha[:, :, None]
    write_png(target, np.round(encoded * 65535.0).astype(np.uint16))
    return np.asarray(alpha)
