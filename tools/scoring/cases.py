# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of ground-truth cases: its heads, its photos, its scorers, and what trivial answers score on it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

SCORERS = ("evaluate.py", "relight.py")
# Between the names of cases that show one person and are fitted together.
TOGETHER = "+"


class BenchmarkError(Exception):
    """Something of the benchmark is not there or does not work; the message says what to do."""


@dataclass(frozen=True)
class Case:
    """One photo whose head, albedo and light are known."""

    folder: Path

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def photo(self) -> Path:
        """The picture that the fit gets."""
        return self.folder / "photo.png"

    @cached_property
    def head(self) -> str:
        """Whose head it is: cases with one such name have one shape."""
        info = json.loads((self.folder / "info.json").read_text("utf-8"))
        return str(info.get("identity", self.name))

    def shape_digest(self) -> str:
        """Hexadecimal digest of all that a geometry score depends on: cases of one head and expression share it."""
        digest = hashlib.sha256()
        for name in ("gt_mesh.ply", "gt_face_vertices.npy"):
            digest.update((self.folder / name).read_bytes())
        points = json.loads((self.folder / "landmarks3d.json").read_text("utf-8"))["points"]
        digest.update(json.dumps(points).encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class Group:
    """Cases that are fitted in one run: one photo, or several of one person."""

    cases: tuple[Case, ...]

    @property
    def name(self) -> str:
        """The names of its cases."""
        return TOGETHER.join(case.name for case in self.cases)


@dataclass(frozen=True)
class Benchmark:
    """The folder. It holds ``cases/``, ``baselines/results.json``, ``evaluate.py`` and ``relight.py``."""

    folder: Path

    def groups(self, names: Sequence[str]) -> list[Group]:
        """The groups that ``names`` ask for; every case alone where there are none.

        Raises:
            BenchmarkError: the folder is no benchmark, or has no case of a name.
        """
        self._check()
        every = sorted(path.name for path in (self.folder / "cases").iterdir() if (path / "photo.png").is_file())
        if not every:
            raise BenchmarkError(f"{self.folder / 'cases'} has no case with a photo.png. Give another folder.")
        return [self._group(name, every) for name in names or every]

    def _group(self, name: str, every: Sequence[str]) -> Group:
        for part in name.split(TOGETHER):
            if part not in every:
                raise BenchmarkError(f"There is no case '{part}'. The cases are: {', '.join(every)}.")
        return Group(tuple(Case(self.folder / "cases" / part) for part in name.split(TOGETHER)))

    def _check(self) -> None:
        for name in (*SCORERS, "cases"):
            if not (self.folder / name).exists():
                raise BenchmarkError(f"{self.folder} has no '{name}'. Give the folder that holds the benchmark.")

    @cached_property
    def baselines(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Case -> trivial answer -> scores; empty where the benchmark does not tell them."""
        path = self.folder / "baselines" / "results.json"
        return json.loads(path.read_text("utf-8")) if path.is_file() else {}
