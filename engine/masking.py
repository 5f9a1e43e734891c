"""Takes out of a text what tells who somebody is: paths, file names, user and computer names. Standard library only.

Rather a word too many than one too few: what follows a path on its line may go with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

PATH, FILE, NAME = "<path>", "<file>", "<name>"
_END = r"[^\s'\"<>|]"
# A path begins with a drive, two backslashes, a slash or a tilde, not in the middle of a word and not as part of an address.
_BEGIN = r"(?:file:/{2,3}(?=[^\s/])|(?<![\w])[A-Za-z]:[\\/]|\\\\(?=\w)|(?<![\w:/.~>])~?/(?=[^\s/]))"
_QUOTED = re.compile(rf"(?P<quote>['\"]){_BEGIN}[^\n]*?(?P=quote)")
# Names have spaces: up to the line's last slash, and then up to an ending.
_PLAIN = re.compile(rf"{_BEGIN}(?:[^\n'\"<>|]*[\\/])?(?:[^\n'\"<>|\\/:,;]*?\.\w{{1,5}}\b|{_END}*)")
_ENDING = re.compile(r"\.(\w{1,5})['\"]?$")
_KINDS = r"(?:jpe?g|png|tiff?|webp|bmp|heic|exr|hdr|blend\d?|glb|gltf|fbx|obj|target|ini|json|npz)"
_FILE_QUOTED = re.compile(rf"(['\"])[^'\"\n]*?\.({_KINDS})\1", re.IGNORECASE)
_FILE_PLAIN = re.compile(rf"(?<![\w>.])[^\s'\"<>|:,;()\[\]]+\.({_KINDS})\b", re.IGNORECASE)
# Files of the program's own tell nothing about anybody.
_OWN = re.compile(
    r"(?:photo|reconstruction|render|landmarks|mesh|skinMask|envMap|diffuseMap|specularMap|roughnessMap|normalMap|coverageMap)"
    r"_?\d+\.\w+|(?:result|report)\.json|head\.npz|hm08\.npz|renderers\.json|engine_checks\.json|stage\d_\w+\.npz"
)
# Names that are no one's.
_COMMON = {"root", "user", "users", "admin", "home", "localhost", "guest", "public"}
_SHORTEST = 3


def masked(text: str, roots: Mapping[str, str] | None = None, names: Iterable[str] = ()) -> str:
    """``text`` without what is private.

    Args:
        text: any lines.
        roots: folders of the program -> the placeholder for each, such as ``<add-on>``; what comes behind it on a path
            stays, because it is the program's own.
        names: words that must not stay: user, computer, photos. Common ones and very short ones stay.
    """
    for root in sorted(roots or {}, key=len, reverse=True):
        text = _with_root(text, root, (roots or {})[root])
    text = _QUOTED.sub(lambda match: _path_of(match[0], match["quote"]), text)
    text = _PLAIN.sub(lambda match: _path_of(match[0], ""), text)
    text = _FILE_QUOTED.sub(lambda match: _file_of(match[0], match[1], match[2]), text)
    text = _FILE_PLAIN.sub(lambda match: _file_of(match[0], "", match[1]), text)
    for name in sorted({name for name in names if _is_private(name)}, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", NAME, text, flags=re.IGNORECASE)
    return text


def _with_root(text: str, root: str, placeholder: str) -> str:
    """``root`` in either way of writing slashes, with what is behind it up to a space or a quote."""
    if len(root) < _SHORTEST:
        return text
    parts = [re.escape(part) for part in re.split(r"[\\/]+", root.rstrip("\\/"))]
    pattern = re.compile(r"[\\/]+".join(parts) + rf"(?![\w-])((?:[\\/]+{_END}*)?)", re.IGNORECASE)
    return pattern.sub(lambda match: placeholder + re.sub(r"[\\/]+", "/", match[1]), text)


def _path_of(found: str, quote: str) -> str:
    ending = _ENDING.search(found)
    return f"{quote}{PATH}{'.' + ending[1] if ending else ''}{quote}"


def _file_of(found: str, quote: str, ending: str) -> str:
    plain = found.strip("'\"")
    return found if _OWN.fullmatch(plain) or "<" in plain else f"{quote}{FILE}.{ending}{quote}"


def _is_private(name: str) -> bool:
    return len(name) >= _SHORTEST and name.lower() not in _COMMON
