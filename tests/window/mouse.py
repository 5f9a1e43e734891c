"""Uses a Blender in a window as a person does, with the mouse and the keyboard of the screen that it is on.

Beside what `screen` needs: ``NEXTGENFACE_WINDOW_MOUSE``, a command that hands its arguments to xdotool for that screen. The screen
has 1280 x 800 pixels and Blender fills it at an interface scale of 1; there need be no window manager. Nothing of this machine's
Python or of the user's folders is seen by Blender, and it has no network.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from pathlib import Path

from try_install import cut

from .screen import _BLENDER, _PICTURE, HERE

_MOUSE = shlex.split(os.environ.get("NEXTGENFACE_WINDOW_MOUSE", ""))
# Where a window is put once it has opened: no window manager does it.
PLACES = {"Preferences": (250, 120, 780, 600), "Blender File View": (88, 107, 1104, 625)}
AWAY = (1400, 900)


class Person:
    """Somebody before the screen; ``folder`` gets what is seen."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pictures: list[str] = []
        words, variables = cut()
        clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(folder), **variables}
        clean |= {name: os.environ[name] for name in os.environ if name.startswith(("REAL_BLENDER", "GUI_"))}
        (folder / "user").mkdir()
        clean["BLENDER_USER_RESOURCES"] = str(folder / "user")
        command = [*words, *_BLENDER, "--python", str(HERE / "watch.py"), "--", str(folder)]
        self.blender = subprocess.Popen(command, env=clean, cwd=folder)

    def look(self) -> dict:
        """What Blender last said of itself."""
        path = self.folder / "state.json"
        return json.loads(path.read_text("utf-8")) if path.is_file() else {}

    def wait(self, condition, seconds: float) -> dict:
        """What there is once the condition holds, or after so many seconds."""
        until = time.monotonic() + seconds
        while not condition(state := self.look()) and time.monotonic() < until and self.blender.poll() is None:
            time.sleep(0.5)
        return state

    def click(self, x: int, y: int, times: int = 1) -> None:
        """The left button, at pixels from the screen's upper left corner."""
        _xdotool("mousemove", x, y)
        # Blender highlights what is under the mouse before it takes a click.
        time.sleep(0.5)
        _xdotool("click", "--repeat", times, "--delay", 80, 1)
        time.sleep(1.5)

    def type(self, text: str) -> None:
        """Into the field that was clicked, in place of what is there."""
        _xdotool("key", "ctrl+a")
        _xdotool("type", "--delay", 40, text)
        _xdotool("key", "Return")
        time.sleep(1.5)

    def key(self, name: str, x: int, y: int) -> None:
        """Press a key with the mouse at a place."""
        _xdotool("mousemove", x, y)
        time.sleep(0.5)
        _xdotool("key", name)
        time.sleep(1.5)

    def place(self, title: str, away: bool = False) -> None:
        """Move a window where it can be used, or out of the way."""
        until = time.monotonic() + 15
        while not (found := _xdotool("search", "--onlyvisible", "--name", f"^{title}$").split()):
            assert time.monotonic() < until, f"no window '{title}'"
            time.sleep(0.5)
        x, y, width, height = PLACES[title]
        _xdotool("windowsize", found[-1], width, height)
        _xdotool("windowmove", found[-1], *(AWAY if away else (x, y)))
        time.sleep(1.5)

    def choose_file(self, folder: Path) -> None:
        """In Blender's file browser: go to a folder, choose its first file, confirm."""
        self.place("Blender File View")
        self.click(660, 128, times=2)
        self.type(f"{folder}/")
        self.click(420, 185)
        self.picture("file")
        self.click(1118, 711)

    def picture(self, name: str) -> None:
        """Keep what is on the screen."""
        self.pictures.append(f"{len(self.pictures) + 1:02}-{name}.png")
        subprocess.run([*_PICTURE, str(self.folder / self.pictures[-1])], check=True)

    def leave(self) -> None:
        """End Blender."""
        if self.blender.poll() is None:
            self.blender.terminate()
        self.blender.wait()


def _xdotool(*words: object) -> str:
    return subprocess.run([*_MOUSE, *map(str, words)], capture_output=True, text=True).stdout
