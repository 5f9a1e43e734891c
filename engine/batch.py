"""From what a person names on the shell, photos and folders, to the people to be reconstructed. Standard library only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import PhotoError

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp")


@dataclass(frozen=True)
class Person:
    """One person's ``photos``, and the folder ``output`` for the results."""

    photos: tuple[Path, ...]
    output: Path


def find_people(inputs: Sequence[Path], output: Path, shared_identity: bool) -> list[Person]:
    """Whom to reconstruct: one person in all photos, or another one in each.

    Args:
        inputs: photos, and folders whose photos are taken in the order of their names.
        output: folder of the results; different people have a folder each in it, named after the photo.
        shared_identity: all photos show the same person.

    Raises:
        PhotoError: a folder has no photo, or cannot be read.
    """
    photos = [photo for path in inputs for photo in (photos_in(path) if path.is_dir() else [path])]
    if shared_identity or (len(inputs) == 1 and not inputs[0].is_dir()):
        return [Person(tuple(photos), output)]
    people: list[Person] = []
    for photo in photos:
        taken = {person.output.name.casefold() for person in people}
        people.append(Person((photo,), output / _unused(photo.stem, taken)))
    return people


def photos_in(folder: Path) -> list[Path]:
    """The photos right in ``folder``, hidden files left out. Raises PhotoError where there is none."""
    try:
        paths = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        raise PhotoError(f"The folder {folder} cannot be read.", "Check its permissions.") from error
    photos = [
        path
        for path in paths
        if path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".") and path.is_file()
    ]
    if not photos:
        raise PhotoError(f"There is no photo in the folder {folder}.", f"Photos end in {', '.join(PHOTO_SUFFIXES)}.")
    return photos


def _unused(stem: str, taken: set[str]) -> str:
    """``stem``, with a number where it is ``taken`` (case aside: some file systems know none)."""
    name, number = stem, 2
    while name.casefold() in taken:
        name, number = f"{stem}-{number}", number + 1
    return name
