"""What the main panel shows before a job."""

from __future__ import annotations

import bpy
import pytest
from drawing import drawn
from nextgenface.operators.session import Status, session
from nextgenface.panels import face
from nextgenface.panels.face import NEXTGENFACE_PT_face

pytestmark = pytest.mark.blender
BUTTON = "Reconstruct Face"


@pytest.fixture(autouse=True)
def fresh_session():
    session.close()
    session.status = Status()
    yield
    session.close()


def add(*paths):
    files = [{"name": path.name} for path in paths]
    bpy.ops.nextgenface.add_photos(directory=str(paths[0].parent), files=files)


def test_nothing_stands_around_the_button_when_all_is_well(add_on, photo):
    add(photo("a"), photo("b"))
    lines = drawn(NEXTGENFACE_PT_face)
    assert lines[-1] == BUTTON and lines[-2] == ""


def test_an_empty_list_needs_no_reason(add_on):
    assert "Add a photo first." not in drawn(NEXTGENFACE_PT_face)


def test_the_reason_stands_above_the_grey_button(add_on, photo):
    """Below it, it is out of sight in a small window."""
    add(photo("a"), photo("b"))
    add_on.nextgenface.output = str(photo("in the way"))
    lines = drawn(NEXTGENFACE_PT_face)
    assert lines[-1] == BUTTON
    told = next(number for number, line in enumerate(lines) if line.startswith("The output folder"))
    assert told < lines.index(BUTTON)


def test_a_line_of_reason_takes_no_more_room_than_the_grey_button_gives(add_on, photo, monkeypatch):
    add(photo("a"))
    heights = []

    class Row:
        def __setattr__(self, name, value):
            heights.append((name, value))

        def operator(self, *_, **__):
            pass

    layout = type("Column", (), {"row": lambda self: Row()})()
    monkeypatch.setattr(face, "draw_wrapped", lambda *_: heights.append("told"))
    for output in ("", str(photo("in the way"))):
        add_on.nextgenface.output = output
        face._draw_button(layout, bpy.context, add_on.nextgenface)
    assert heights == [("scale_y", face.HEIGHT), "told", ("scale_y", face.GREY_HEIGHT)]
    assert face.HEIGHT - face.GREY_HEIGHT >= 0.8
