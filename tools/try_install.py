# SPDX-License-Identifier: GPL-3.0-or-later
"""Try a full zip in an empty user folder without network: install, set up, check, reconstruct, remove, look what is left.

Run it with a Python that has bpy:

    .venv-blender/bin/python tools/try_install.py dist/nextgenface-0.1.0-full-linux-x64.zip --photo photo.jpg

Without --photo nothing is reconstructed. With --beside, another extension is installed beside ours, which bundles the wheels
that are named, in either order; it imports numpy and protobuf, and each is removed while the other goes on:

    ... --beside dist/packages/numpy-2.4.1-*.whl dist/packages/protobuf-6.33.6-*.whl

The network is cut with ``unshare`` where this machine lets one, else pip is told to use a proxy that is not there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from build_extension import builder
from neighbour import make

STEPS = Path(__file__).with_name("install_steps.py")
NO_PROXY = "http://127.0.0.1:9"
BUNDLED = ("numpy", "google.protobuf")
# Of Blender's own making, and of no extension in particular.
BLENDERS_OWN = (".cache/compat.dat",)


def cut() -> tuple[list[str], dict[str, str]]:
    """What goes before a command, and the variables, so that it has no network."""
    words = ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") and subprocess.run([*words, "true"], capture_output=True).returncode == 0:
        return words, {}
    return [], {"PIP_NO_INDEX": "1", "HTTP_PROXY": NO_PROXY, "HTTPS_PROXY": NO_PROXY, "ALL_PROXY": NO_PROXY}


@dataclass
class Trial:
    """One empty home and user folder; Blender is started in it as often as is wanted.

    Attributes:
        home: an empty folder.
        problems: what was not as it should be.
    """

    home: Path
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.user = self.home / "user"
        self.user.mkdir()
        self._words, variables = cut()
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("BLENDER_", "NEXTGENFACE_"))}
        home = {"HOME": str(self.home), "XDG_CACHE_HOME": "", "XDG_STATE_HOME": "", "XDG_DATA_HOME": ""}
        self._environment = {**kept, "BLENDER_USER_RESOURCES": str(self.user), **home, **variables}
        print("network: none, by unshare" if self._words else "network: a proxy that is not there", flush=True)

    def run(self, *actions: str) -> list[dict[str, Any]]:
        """Start Blender for these actions of `install_steps`; what each came to."""
        command = [*self._words, sys.executable, str(STEPS), *actions]
        # Blender's program looks there before it looks among its own packages; its module only afterwards.
        shared = self.user / "extensions" / ".local" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
        environment = self._environment | ({"PYTHONPATH": str(shared)} if shared.is_dir() else {})
        done = subprocess.run(
            command, env=environment, cwd=self.home, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        rows = [line for line in done.stdout.splitlines() if line.startswith("STEP ")]
        print("\n".join(rows), flush=True)
        if len(rows) != len(actions):
            print(done.stdout, flush=True)
        self.want(len(rows) == len(actions), f"{actions[min(len(rows), len(actions) - 1)]} did not end")
        return [json.loads(line.removeprefix("STEP ")) for line in rows]

    def want(self, good: bool, problem: str) -> None:
        """Note ``problem`` unless it is ``good``."""
        if not good:
            print(f"PROBLEM {problem}", flush=True)
            self.problems.append(problem)

    def look(self) -> None:
        """Tell what is left in the home, and note what should not be."""
        files = [path for path in sorted(self.home.rglob("*")) if path.is_file() and self._counts(path)]
        names = [str(path.relative_to(self.home)) for path in files]
        ours = [name for name in names if "nextgenface" in name or name.startswith((".drjit", ".cache", ".config"))]
        print(f"left of the extension: {ours}\nleft in all: {names[:40]}", flush=True)
        self.want(not ours, f"{len(ours)} files are left")

    def _counts(self, path: Path) -> bool:
        return not str(path).endswith(BLENDERS_OWN)


def alone(trial: Trial, archive: Path, photo: Path | None) -> None:
    """Our extension and nothing else, in one session."""
    asked = [f"reconstruct={photo}"] if photo else []
    rows = trial.run(f"install={archive}", "set_up", "check", *asked, "remove=nextgenface")
    for row in rows:
        trial.want(row.get("ended", ["FINISHED"]) == ["FINISHED"], f"{row['step']} failed")
    trial.look()


def beside(trial: Trial, archive: Path, other: Path, photo: Path | None, ours_first: bool) -> None:
    """Both extensions: in the session that installs them, in a later one, and each after the other was removed."""
    # What it says where nobody is beside it, at once and after a restart.
    alone_said = trial.run(f"install={other}", "ask_neighbour") + trial.run("enable=neighbour", "ask_neighbour")
    trial.run("enable=neighbour", "remove=neighbour")
    ours, theirs = [f"install={archive}", "set_up"], [f"install={other}", "ask_neighbour"]
    work = ["check", *([f"reconstruct={photo}"] if photo else []), "ask_neighbour"]
    installing = trial.run(*(ours + theirs if ours_first else theirs + ours), *work)
    # A disabled extension's packages are taken away, so the neighbour comes first where both were enabled before.
    both = ["enable=neighbour", "enable=nextgenface"]
    later = trial.run(*both, *work)
    gone, goes_on, stays = ("neighbour", "check", "nextgenface")
    if not ours_first:
        gone, goes_on, stays = ("nextgenface", "ask_neighbour", "neighbour")
    later += trial.run(*both, f"remove={gone}", goes_on)
    later += trial.run(f"enable={stays}", goes_on)
    for row in (*installing, *later):
        trial.want(row.get("ended", ["FINISHED"]) == ["FINISHED"], f"{row['step']} failed")
        trial.want(row.get("works", True), f"{row['step']}: the engine does not work")
    at_once, restarted = _said(alone_said)
    print(f"the neighbour alone: at once {at_once}, after a restart {restarted}", flush=True)
    print(f"beside ours: at once {_said(installing)}, after a restart {_said(later)}", flush=True)
    trial.want(
        all(each in (at_once, restarted) for each in _said(installing)), "the neighbour has other packages at once"
    )
    trial.want(all(each == restarted for each in _said(later)), "the neighbour has other packages after a restart")
    trial.run(f"enable={stays}", f"remove={stays}")
    trial.look()


def _said(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The versions that the neighbour said each time."""
    return [{name: row[name][0] for name in BUNDLED} for row in rows if row["step"] == "ask_neighbour"]


def main() -> int:
    """The command line; 1 where something failed or is left."""
    parser = argparse.ArgumentParser(description="Try a full zip in an empty user folder without network.")
    parser.add_argument("archive", type=Path, help="the full zip for this platform")
    parser.add_argument("--photo", type=Path, help="reconstruct this photo too; minutes")
    parser.add_argument("--beside", type=Path, nargs="+", metavar="WHEEL", help="what another extension bundles")
    options = parser.parse_args()
    archive = options.archive.resolve()
    photo = options.photo.resolve() if options.photo else None
    problems: list[str] = []
    for ours_first in (True, False) if options.beside else (True,):
        with tempfile.TemporaryDirectory(prefix="nextgenface-try-") as home, tempfile.TemporaryDirectory() as scratch:
            trial = Trial(Path(home))
            if options.beside:
                other = make(options.beside, BUNDLED, Path(scratch), builder())
                print(f"order: {'ours' if ours_first else 'the neighbour'} first", flush=True)
                beside(trial, archive, other, photo, ours_first)
            else:
                alone(trial, archive, photo)
            problems += trial.problems
    print("problems: " + ("; ".join(problems) or "none"))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
