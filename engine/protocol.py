"""Every message between Blender (or a shell) and the worker: one JSON object per line, ``{"kind": ..., ...fields}``.

Requests go to the worker's standard input, events come from its standard output. The worker speaks first, with `Ready`,
which carries the version of this protocol. Every job ends with exactly one of `Done`, `JobCancelled`, `Failed`; an end
of the stream without it means that the worker died. Big arrays never travel here: they lie in files that messages name.
Pure Python: imported in Blender's process too.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, ClassVar

from .errors import EngineError
from .plain_json import parsed
from .typed import made

PROTOCOL_VERSION = 1
RESULT_VERSION = 1


class ProtocolError(EngineError):
    """A line is not a message of this protocol."""


@dataclass(frozen=True)
class Message:
    """Base of all messages; ``kind`` names the class on the wire."""

    kind: ClassVar[str] = ""


# --- requests -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StartJob(Message):
    """Reconstruct ``photos`` (paths) of one person into the folder ``output`` with ``settings`` (`Settings.to_dict`).

    ``skip`` are stages (1 to 3) to leave out, or to take from the file ``checkpoint`` where it holds them; see `Stages`.
    ``notices`` are what the person was told about the settings; they go into the log. ``hints`` are what the person says of
    each photo (`PhotoHints.to_dict`), in their order; empty where nothing is said of any.
    """

    kind: ClassVar[str] = "start_job"
    job: str = ""
    photos: list[str] = field(default_factory=list)
    output: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    checkpoint: str = ""
    skip: list[int] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    hints: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class DetectLandmarks(Message):
    """Find the face in each of ``photos`` (paths) with ``settings``; a `PhotoSeen` for each, then an end as of any job."""

    kind: ClassVar[str] = "detect_landmarks"
    job: str = ""
    photos: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CancelJob(Message):
    """End ``job`` soon; answered by `JobCancelled` (or by the end that came first)."""

    kind: ClassVar[str] = "cancel_job"
    job: str = ""


@dataclass(frozen=True)
class CheckEngine(Message):
    """Ask what works on this machine; answered by `EngineStatus`."""

    kind: ClassVar[str] = "check_engine"


@dataclass(frozen=True)
class Shutdown(Message):
    """End the worker; closing its standard input does the same."""

    kind: ClassVar[str] = "shutdown"


# --- events ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ready(Message):
    """First line of a worker."""

    kind: ClassVar[str] = "ready"
    protocol: int = PROTOCOL_VERSION
    engine: str = ""
    pid: int = 0
    log: str = ""


@dataclass(frozen=True)
class Progress(Message):
    """Where ``job`` is: ``fraction`` in [0, 1] over the whole job, ``seconds_left`` negative while unknown."""

    kind: ClassVar[str] = "progress"
    job: str = ""
    stage: str = ""
    step: int = 0
    steps: int = 0
    loss: float | None = None
    fraction: float = 0.0
    seconds_left: float = -1.0


@dataclass(frozen=True)
class Preview(Message):
    """A picture of the current fit: an 8-bit sRGB PNG at ``path``, to be read before the next one comes."""

    kind: ClassVar[str] = "preview"
    job: str = ""
    path: str = ""
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class Warned(Message):
    """Something the person should know that does not end the job."""

    kind: ClassVar[str] = "warned"
    job: str = ""
    message: str = ""


@dataclass(frozen=True)
class PhotoSeen(Message):
    """What was found in photo ``index`` of a `DetectLandmarks`, which is the file ``photo``.

    ``width`` and ``height`` are pixels of the upright photo, 0 where it cannot be read; ``focal_35mm`` is the EXIF focal
    length in mm, 35 mm equivalent over the diagonal, 0 where none is known; ``orientation`` is the file's EXIF orientation,
    1 to 8, in which other programs may show it. ``points`` are the ``detector``'s, x and y in
    turn, in pixels from the top left corner; where there are none, ``message`` says why, and ``remedy`` what to do.
    """

    kind: ClassVar[str] = "photo_seen"
    job: str = ""
    index: int = 0
    photo: str = ""
    width: int = 0
    height: int = 0
    focal_35mm: float = 0.0
    orientation: int = 1
    detector: str = ""
    points: list[float] = field(default_factory=list)
    message: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Done(Message):
    """The job's results are whole; ``result`` is the path of its ``result.json`` (see `Result`), empty for a detection."""

    kind: ClassVar[str] = "done"
    job: str = ""
    result: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class JobCancelled(Message):
    """The job was cancelled; nothing was written but the checkpoints of finished stages, and debug frames if asked for."""

    kind: ClassVar[str] = "job_cancelled"
    job: str = ""


@dataclass(frozen=True)
class Failed(Message):
    """The job failed: what happened, what to do, where the log is. ``job`` may be empty for a request that was no job.

    ``photo`` is the path of the photo that was of no use, if it was one.
    """

    kind: ClassVar[str] = "failed"
    job: str = ""
    message: str = ""
    remedy: str = ""
    log: str = ""
    photo: str = ""


@dataclass(frozen=True)
class EngineStatus(Message):
    """What works: one line per thing tried, as ``{"name", "ok", "detail", "remedy"}``.

    Where the engine does not work, ``message`` is one sentence on why, and ``remedy`` what to do. Also sent, without a request,
    by a job whose first step tried the engine out.
    """

    kind: ClassVar[str] = "engine_status"
    ok: bool = False
    lines: list[dict[str, Any]] = field(default_factory=list)
    message: str = ""
    remedy: str = ""


REQUESTS: tuple[type[Message], ...] = (StartJob, DetectLandmarks, CancelJob, CheckEngine, Shutdown)
EVENTS: tuple[type[Message], ...] = (
    *(Ready, Progress, Preview, Warned, PhotoSeen, Done, JobCancelled, Failed, EngineStatus),
)
FINAL_EVENTS: tuple[type[Message], ...] = (Done, JobCancelled, Failed)
_BY_KIND: dict[str, type[Message]] = {kind.kind: kind for kind in REQUESTS + EVENTS}


def encode(message: Message) -> str:
    """One line, without its line feed."""
    return json.dumps({"kind": message.kind, **dataclasses.asdict(message)}, allow_nan=False)


def decode(line: str) -> Message:
    """The message in a line.

    Raises:
        ProtocolError: the line is not JSON, of an unknown kind, or has fields that its kind does not have, or of other types.
    """
    try:
        values = parsed(line)
        kind = _BY_KIND[values.pop("kind")]
        return made(kind, values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProtocolError(f"Not a message of protocol {PROTOCOL_VERSION}: {line[:200]!r}.") from error


# --- what a finished job leaves ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PhotoResult:
    """One photo's camera, light and pictures. File names are relative to the result's folder.

    The camera's frame: looks along -z, y up. ``rotation`` (3 x 3 rows) and ``translation`` (mm) take a point of the
    head's frame into it. Pixel (0, 0) is the top left corner. ``width``, ``height``, ``focal_px``, ``cx``, ``cy`` are
    in pixels of the photo as it stands in ``photo`` (upright: EXIF orientation applied). ``mesh`` is the head with this
    photo's ``expression``. ``light_picture`` is ``light`` as an 8-bit picture without what is brighter than white.
    ``window`` is the part of the photo that ``render`` shows, in the photo's pixels: left, top, width, height; empty: all.
    """

    photo: str
    width: int
    height: int
    focal_px: float
    cx: float
    cy: float
    rotation: list[list[float]]
    translation: list[float]
    light: str
    render: str
    contact_sheet: str
    mask: str = ""
    landmarks: str = ""
    light_picture: str = ""
    mesh: str = ""
    window: list[float] = field(default_factory=list)
    expression: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """``result.json``: all that a builder needs to make the scene.

    ``head`` names an .npz with: ``vertices`` (V, 3) neutral head, mm, head frame; ``quads`` (F, 4) int32; ``uv_face``
    and ``uv_original`` (F, 4, 2), v upwards; ``face_part`` (F,) uint8 indices into ``part_names``; ``part_names``;
    ``expression_names`` and ``expression_deltas`` (E, V, 3) mm at weight 1; ``slider_names`` and ``slider_deltas`` (S,
    V, 3); ``original_index`` (V,) vertex of the source base mesh.

    ``coverage`` names an 8-bit PNG (Non-Color) as large as the maps that says where their texels come from: red the
    photos, green the mirror side of the face, blue the model; the three add up to 255.

    ``normal`` names the normal map, and is empty where the fit made none; ``losses`` likewise a picture of the losses.
    """

    version: int = RESULT_VERSION
    name: str = "Face"
    face_model: str = "bundled"
    head: str = "head.npz"
    diffuse: str = ""
    specular: str = ""
    roughness: str = ""
    coverage: str = ""
    normal: str = ""
    mesh: str = ""
    report: str = "report.json"
    losses: str = ""
    photos: list[PhotoResult] = field(default_factory=list)

    def to_json(self) -> str:
        """The text of ``result.json``."""
        return json.dumps(dataclasses.asdict(self), indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Result:
        """The result in the text of a ``result.json``.

        Raises:
            ProtocolError: it is not a result of this version, or names a file that is not beside it.
        """
        try:
            values = parsed(text)
            if values["version"] != RESULT_VERSION:
                raise ValueError(f"version {values['version']}")
            photos = [made(PhotoResult, photo) for photo in values.pop("photos")]
            result = made(cls, values)
            parts: list[Result | PhotoResult] = [result, *photos]
            for part in parts:
                _check_plain(part)
            return dataclasses.replace(result, photos=photos)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProtocolError(
                "The result's description cannot be read.", "Reconstruct again with this version of NextGenFace."
            ) from error


def _check_plain(part: Result | PhotoResult) -> None:
    """Raise ValueError where a file's name leads out of the result's folder, or a camera's numbers are too many or too few."""
    names = [value for key, value in vars(part).items() if isinstance(value, str) and key not in ("name", "face_model")]
    if any(set(name) & set("/\\:\0") or name in (".", "..") for name in names):
        raise ValueError("a file elsewhere")
    if isinstance(part, PhotoResult):
        sides = [len(part.translation), len(part.rotation), *map(len, part.rotation)]
        if sides != [3] * 5 or len(part.window) not in (0, 4):
            raise ValueError("no camera")
