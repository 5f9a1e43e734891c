"""What a bug report must not tell: who somebody is and what the files are called."""

from __future__ import annotations

import pytest
from nextgenface.engine.masking import masked

ROOTS = {
    "/home/anna/.config/blender/4.5/extensions/user_default/nextgenface": "<add-on>",
    r"C:\Users\Anna Smith\AppData\Roaming\Blender\nextgenface": "<add-on>",
    "/Users/anna/Library/Application Support/Blender/4.5/extensions/.user/engine": "<engine>",
}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Python: /home/anna/.venv/bin/python", "Python: <path>"),
        ("No face was found in '/home/anna/Bilder/Oma Erna.jpg'.", "No face was found in '<path>.jpg'."),
        ("No face was found in /home/anna/Bilder/Oma Erna.jpg", "No face was found in <path>.jpg"),
        ("cannot read ~/photos/me.png", "cannot read <path>.png"),
        (r"There is no photo at 'C:\Users\Anna Smith\me and mum.JPG'.", "There is no photo at '<path>.JPG'."),
        (r"open C:\Users\Anna Smith\Pictures\me and mum.jpg: denied", "open <path>.jpg: denied"),
        ("open c:/Users/Anna/x.blend", "open <path>.blend"),
        (r"\\nas\photos\Anna Smith\a.png is gone", "<path>.png is gone"),
        ("'/Volumes/My Disk/Faces/Anna Smith.tiff'", "'<path>.tiff'"),
        ("file:///Users/anna/a%20b.png", "<path>.png"),
        ("'/home/anna/My Photos'", "'<path>'"),
        ("photos/anna.jpg and 'Anna Smith.jpeg'", "<file>.jpg and '<file>.jpeg'"),
        ('"Oma.HEIC"', '"<file>.HEIC"'),
    ],
)
def test_paths_and_file_names_go(text, said):
    assert masked(text) == said


@pytest.mark.parametrize(
    "text",
    [
        "See https://example.org/a/b and http://x.y/z.",
        "Stage 2: 3/4 of 10 mm/s, and/or 5 / 6",
        "12:30:01 INFO nextgenface.worker: 512 x 512, ratio 1:2",
        "result.json, head.npz, photo_0.png and 'diffuseMap_0.png' are whole",
        "torch 2.5.1 (cpu), LLVM 17.0.6, x86_64, 35.1 dB",
        "",
    ],
)
def test_what_tells_nothing_stays(text):
    assert masked(text) == text


def test_the_program_s_own_files_stay_below_a_placeholder():
    text = (
        'File "/home/anna/.config/blender/4.5/extensions/user_default/nextgenface/engine/fit/run.py", line 3, in fit\n'
        'File "C:\\Users\\Anna Smith\\AppData\\Roaming\\Blender\\nextgenface\\engine\\jobs.py", line 9\n'
        "/Users/anna/Library/Application Support/Blender/4.5/extensions/.user/engine/lib/torch/x.py: broken"
    )
    assert masked(text, ROOTS).splitlines() == [
        'File "<add-on>/engine/fit/run.py", line 3, in fit',
        'File "<add-on>/engine/jobs.py", line 9',
        "<engine>/lib/torch/x.py: broken",
    ]


def test_a_folder_that_only_begins_like_one_of_the_program_s_goes():
    text = "/home/anna/.config/blender/4.5/extensions/user_default/nextgenface-of-anna/a.py"
    assert masked(text, ROOTS) == "<path>.py"


def test_names_go_wherever_they_stand():
    text = "Anna's photo anna-smith, host annas-laptop, Annabelle, ROOT"
    assert masked(text, names=["anna", "root", "annas-laptop", "x", ""]) == (
        "<name>'s photo <name>-smith, host <name>, Annabelle, ROOT"
    )


@pytest.mark.parametrize("secret", ["anna", "Smith", "Erna", "Geburtstag"])
def test_nothing_is_left_of_a_whole_log(secret):
    log = "\n".join(
        [
            "2026-01-01 INFO start with ['/home/anna/Bilder/Oma Erna Geburtstag.jpg', '/home/anna/b.jpg']",
            r"WARNING D:\Fotos\Anna Smith\Geburtstag 2025\IMG_1.png has no EXIF",
            'OSError: [Errno 2] No such file or directory: "/Users/anna/Library/Mobile Documents/Erna.webp"',
            "writing to /media/anna/USB Stick/Geburtstag (2)/out, then /tmp/anna/x",
            "Output: ~/Erna und ich/result",
        ]
    )
    assert secret.lower() not in masked(log, ROOTS, ["anna", "Smith"]).lower()
