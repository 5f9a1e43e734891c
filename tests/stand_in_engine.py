"""A work function for the worker that needs no renderer: ``--work-function tests/stand_in_engine.py:reconstruct``.

What it does is chosen by the name of the first photo ("fails.png" fails, see `MODES`; any other name succeeds and
writes a small, complete result). Standard library and numpy only. `write_result` may be called directly, without a
worker.
"""

from __future__ import annotations

import ctypes
import errno
import importlib
import importlib.util
import json
import math
import os
import shutil
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
EXPRESSIONS = ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "mouthSmileRight")
SLIDERS = ("nose_width", "jaw_width")
PARTS = ("skin", "eye_left", "eye_right")
RADII = np.array([75.0, 110.0, 95.0], np.float32)
DISTANCE = 600.0


def engine(name: str):
    """A module of the engine, whether or not the package is installed or already imported under this name."""
    if "nextgenface" not in sys.modules and importlib.util.find_spec("nextgenface") is None:
        spec = importlib.util.spec_from_file_location(
            "nextgenface", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
        )
        module = importlib.util.module_from_spec(spec)
        sys.modules["nextgenface"] = module
        spec.loader.exec_module(module)
    return importlib.import_module(f"nextgenface.engine.{name}")


# --- the work function ------------------------------------------------------------------------------------------------


def reconstruct(photos, output, settings, reporter, stages=None, hints=()):
    """The same signature as `engine.fit.pipeline.reconstruct`."""
    for photo, said in zip(photos, hints, strict=False):
        if said:
            reporter.warn(f"{photo.name}: {json.dumps(said.to_dict())}")
    if stages is not None and (stages.skip or stages.checkpoint):
        reporter.warn(f"Skipped {sorted(stages.skip)}, checkpoint {stages.checkpoint}.")
    mode = MODES.get(photos[0].stem)
    if mode is not None:
        return mode(photos, output, settings, reporter)
    return _good(photos, output, settings, reporter)


def look_at(photo, settings, reporter):
    """The same signature as `engine.landmarks.detection.look_at`: a ring of points about the middle of a PNG."""
    if photo.stem == "slow":
        _slow([photo], None, settings, reporter)
    if photo.stem in ("dies", "leaves"):
        MODES[photo.stem]([photo], None, settings, reporter)
    size = _png_size(photo)
    if size is None:
        raise engine("errors").PhotoError(f"{photo.name} is no photo.", "Choose another one.")
    (width, height), words = size, ()
    if photo.stem == "fails":
        words = f"No face was found in {photo.name}.", "Choose a photo that shows a face."
    angle = np.arange(478) * (2.0 * math.pi / 478)
    ring = np.stack([width * (0.5 + 0.3 * np.sin(angle)), height * (0.5 - 0.4 * np.cos(angle))], -1)
    points = [] if words else ring.ravel().tolist()
    seen = engine("protocol").PhotoSeen
    return seen("", 0, "", width, height, 50.0, 1, settings.landmark_detector, points, *words)


def _good(photos, output, settings, reporter):
    for stage, steps in (("stage1", 5), ("stage2", 20), ("stage3", 20)):
        for step in range(steps):
            reporter.progress(stage, step + 1, steps, 1.0 / (step + 1))
        reporter.preview(np.full((32, 24, 3), 128, np.uint8))
    reporter.warn("This is the stand-in engine.")
    return write_result(Path(output), *photos)


def _unhurried(photos, output, settings, reporter):
    """A good job that can be cancelled at many moments before it writes."""
    for step in range(50):
        reporter.progress("stage2", step, 50)
        threading.Event().wait(0.002)
    return write_result(output, *photos)


def _fails(photos, output, settings, reporter):
    reporter.progress("photos", 0, 1)
    error = engine("errors").PhotoError("No face was found in 'fails.png'.", "Choose a photo that shows a face.")
    error.photo = str(photos[0])
    raise error


def _raises(photos, output, settings, reporter):
    raise KeyError("a fault")


def _memory(photos, output, settings, reporter):
    raise MemoryError


def _gpu(photos, output, settings, reporter):
    """The way PyTorch tells it; the process could not use the GPU again."""
    reporter.progress("stage2", 0, 1)
    raise RuntimeError("CUDA error: unspecified launch failure")


def _aborts(photos, output, settings, reporter):
    """The way Dr.Jit and LLVM end a process where they cannot go on."""
    reporter.progress("stage2", 0, 1)
    os.abort()


def _takes_memory(photos, output, settings, reporter):
    """Takes more and more, within the limit that is set here on the process."""
    import resource

    reporter.progress("stage3", 0, 1)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (256 << 20), before[1]))
    taken = []
    try:
        while True:
            taken.append(np.ones(4 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _removes(photos, output, settings, reporter):
    """Somebody deletes the output folder while results are written into it."""
    with engine("results.writing").ResultFolder(output) as folder:
        reporter.progress("write", 0, 1)
        shutil.rmtree(output)
        (folder.path / "diffuseMap_0.png").write_bytes(b"a picture")


def _removes_late(photos, output, settings, reporter):
    """The same, when all files are written and only have to be put in place."""
    with engine("results.writing").ResultFolder(output) as folder:
        (folder.path / "result.json").write_text("{}", "utf-8")
        shutil.rmtree(output)
    return output / "result.json"


def _stages(photos, output, settings, reporter):
    """Keeps a checkpoint after each stage, and dies in the stage that the output folder is called after."""
    checkpoints = engine("results.checkpoints")
    for stage in engine("progress").STAGE_SHARES:
        reporter.progress(stage, 0, 1)
        if output.name == stage:
            os.kill(os.getpid(), signal.SIGKILL)
        if stage in ("stage1", "stage2", "stage3"):
            mark = checkpoints.PhotoMark(photos[0].name, "0" * 64)
            kept = checkpoints.Checkpoint(int(stage[-1]), "bundled", "0", (mark,), {}, {"stage1_x": np.ones(3)})
            checkpoints.keep_checkpoint(output, kept)
    return write_result(output, *photos)


def _full(photos, output, settings, reporter):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _exits(photos, output, settings, reporter):
    sys.exit("a library that ends the program")


def _hangs(photos, output, settings, reporter):
    """Tells that it has begun, then never again looks at the reporter."""
    reporter.progress("stage1", 0, 1)
    threading.Event().wait()


def _stuck(photos, output, settings, reporter):
    """Ignores the friendly signal too, and leaves a grandchild behind if only it is killed."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    reporter.warn(f"child {child.pid}")
    reporter.progress("stage1", 0, 1)
    threading.Event().wait()


def _slow(photos, output, settings, reporter):
    """Obeys a cancel; never ends without one."""
    step = 0
    while True:
        step = min(step + 1, 99)
        reporter.progress("stage2", step, 100, 1.0)
        threading.Event().wait(0.005)


def _sulks(photos, output, settings, reporter):
    """Answers a cancel with an error of its own, as a library that is interrupted may."""
    try:
        _slow(photos, output, settings, reporter)
    finally:
        raise ValueError("interrupted")


def _dies(photos, output, settings, reporter):
    reporter.progress("stage1", 0, 1)
    if hasattr(signal, "SIGKILL"):
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(9)


def _leaves(photos, output, settings, reporter):
    os._exit(3)


def _segfaults(photos, output, settings, reporter):
    ctypes.string_at(0)


def _prints(photos, output, settings, reporter):
    """Everything that a careless library may do to the standard streams."""
    print('{"kind": "done", "job": "forged"}', flush=True)
    sys.__stdout__.write("to the original stream\n")
    os.write(1, b"to descriptor 1\n")
    os.write(2, b"to descriptor 2\n")
    if os.name == "posix":
        libc = ctypes.CDLL(None)
        libc.puts(b"from C")
        libc.fflush(None)
    subprocess.run([sys.executable, "-c", "import sys; print('from a child'); sys.stdin.read()"], check=True)
    return _good(photos, output, settings, reporter)


def _writing(photos, output, settings, reporter):
    """Is in the middle of its results until it is cancelled or killed."""
    with engine("results.writing").ResultFolder(output) as folder:
        (folder.path / "diffuseMap_0.png").write_bytes(b"half a picture")
        (folder.path / "result.json").write_text("{", "utf-8")
        _slow(photos, output, settings, reporter)


def _dies_writing(photos, output, settings, reporter):
    with engine("results.writing").ResultFolder(output) as folder:
        (folder.path / "diffuseMap_0.png").write_bytes(b"half a picture")
        _dies(photos, output, settings, reporter)


def _fills(photos, output, settings, reporter):
    """Writes until the disk is full (the test lends it a small one)."""
    with engine("results.writing").ResultFolder(output) as folder:
        file = (folder.path / "diffuseMap_0.png").open("wb")
        with file:
            while True:
                reporter.check()
                file.write(bytes(1 << 20))


MODES = {
    "fails": _fails,
    "raises": _raises,
    "memory": _memory,
    "full": _full,
    "unhurried": _unhurried,
    "gpu": _gpu,
    "aborts": _aborts,
    "takes_memory": _takes_memory,
    "removes": _removes,
    "removes_late": _removes_late,
    "stages": _stages,
    "exits": _exits,
    "hangs": _hangs,
    "stuck": _stuck,
    "slow": _slow,
    "sulks": _sulks,
    "dies": _dies,
    "leaves": _leaves,
    "segfaults": _segfaults,
    "prints": _prints,
    "writing": _writing,
    "dies_writing": _dies_writing,
    "fills": _fills,
}


# --- a small result ---------------------------------------------------------------------------------------------------


def write_result(output: Path, *photos: Path, texture: int = 64) -> Path:
    """Write a complete result for ``photos`` (PNGs of any size, or anything: then a grey picture stands in) into
    ``output``.
    """
    writing, mesh, png, protocol = (
        engine(name) for name in ("results.writing", "results.mesh", "results.png", "protocol")
    )
    with writing.ResultFolder(output) as folder:
        path, head = folder.path, head_data()
        maps = _maps(texture)
        for name, (pixels, srgb) in maps.items():
            png.write_png(path / name, pixels, srgb=srgb)
        mesh.write_head(path / "head.npz", head)
        seen = [_write_photo(path, number, photo, head) for number, photo in enumerate(photos)]
        report = {"seconds": {"stage1": 0.1, "stage2": 0.1, "stage3": 0.1, "total": 0.3}, "warnings": []}
        (path / "report.json").write_text(json.dumps(report), "utf-8")
        result = protocol.Result(
            name="Stand-in",
            diffuse="diffuseMap_0.png",
            specular="specularMap_0.png",
            roughness="roughnessMap_0.png",
            mesh="mesh0.obj",
            photos=seen,
        )
        (path / "result.json").write_text(result.to_json(), "utf-8")
    return output / "result.json"


def _write_photo(path: Path, number: int, photo: Path, head):
    """One photo's files and its description: each camera stands further around the head, each face smiles more."""
    mesh, png, protocol = (engine(name) for name in ("results.mesh", "results.png", "protocol"))
    width, height = _png_size(photo) or (96, 128)
    focal = 1.9 * height
    if _png_size(photo):
        shutil.copyfile(photo, path / f"photo_{number}.png")
    else:
        png.write_png(path / f"photo_{number}.png", np.full((height, width, 3), 128, np.uint8))
    expression = {"jawOpen": 0.2, "mouthSmileLeft": 0.4 + 0.2 * number}
    maps = {name: f"{name}Map_0.png" for name in ("diffuse", "specular", "roughness")}
    mesh.write_obj(path / f"mesh{number}.obj", head, head.expressed(expression), maps)
    write_exr(path / f"envMap_{number}.exr", _sky(16))
    picture = _disc(width, height, focal)
    png.write_png(path / f"reconstruction_{number}.png", picture)
    png.write_png(path / f"render_{number}.png", np.concatenate([picture] * 3, 1))
    c, s = math.cos(0.4 * number), math.sin(0.4 * number)
    return protocol.PhotoResult(
        photo=f"photo_{number}.png",
        width=width,
        height=height,
        focal_px=focal,
        cx=width / 2,
        cy=height / 2,
        rotation=[[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]],
        translation=[0.0, 0.0, -DISTANCE],
        light=f"envMap_{number}.exr",
        render=f"reconstruction_{number}.png",
        contact_sheet=f"render_{number}.png",
        mesh=f"mesh{number}.obj",
        expression=expression,
    )


def head_data():
    """An ellipsoid of 482 vertices with two eyes, quads and triangles (at the poles), all arrays of `HeadData`."""
    parts = [_sphere(32, 16, RADII, np.zeros(3))]
    for side in (1, -1):
        parts.append(_sphere(8, 6, np.full(3, 12.0), np.array([32.0 * side, 25.0, 78.0])))
    start, quads, part = 0, [], []
    for number, (points, faces, _) in enumerate(parts):
        quads.append(np.where(faces >= 0, faces + start, -1))
        part.append(np.full(len(faces), number, np.uint8))
        start += len(points)
    vertices = np.concatenate([points for points, _, _ in parts]).astype(np.float32)
    uv = np.concatenate([uv for _, _, uv in parts]).astype(np.float32)
    return engine("results.data").HeadData(
        vertices=vertices,
        quads=np.concatenate(quads).astype(np.int32),
        uv_face=uv,
        uv_original=1.0 - uv,
        face_part=np.concatenate(part),
        part_names=PARTS,
        expression_names=EXPRESSIONS,
        expression_deltas=_expression_deltas(vertices, len(parts[0][0])),
        slider_names=SLIDERS,
        slider_deltas=_bumps(vertices, [(0, -10, 95), (0, -60, 60)], [(1, 0, 0), (1, 0, 0)]),
        original_index=np.arange(len(vertices), dtype=np.int32)[::-1].copy(),
    )


def _sphere(segments, rings, radii, centre):
    """Vertices, faces with -1 for triangles, and UVs (F, 4, 2) of an ellipsoid; the seam lies at the back (z < 0)."""
    polar = np.arange(1, rings) / rings * math.pi
    around = -math.pi + (np.arange(segments) / segments) * 2 * math.pi
    grid = np.stack(
        [
            np.sin(polar)[:, None] * np.sin(around),
            np.repeat(np.cos(polar)[:, None], segments, 1),
            np.sin(polar)[:, None] * np.cos(around),
        ],
        -1,
    ).reshape(-1, 3)
    points = np.concatenate([grid, [[0, 1, 0], [0, -1, 0]]]) * radii + centre
    top, bottom = len(grid), len(grid) + 1
    faces, uv = [], []
    for ring in range(rings):
        high, low = 1 - ring / rings, 1 - (ring + 1) / rings
        for segment in range(segments):
            after = (segment + 1) % segments
            left, right = segment / segments, (segment + 1) / segments
            a, b = (ring - 1) * segments + segment, (ring - 1) * segments + after
            c, d = a + segments, b + segments
            if ring == 0:
                faces.append((top, c, d, -1))
                uv.append([((left + right) / 2, high), (left, low), (right, low), (0, 0)])
            elif ring == rings - 1:
                faces.append((a, bottom, b, -1))
                uv.append([(left, high), ((left + right) / 2, low), (right, high), (0, 0)])
            else:
                faces.append((a, c, d, b))
                uv.append([(left, high), (left, low), (right, low), (right, high)])
    return points, np.array(faces), np.array(uv, np.float32)


def _expression_deltas(vertices, skin):
    places = [(0, -70, 70), (32, 25, 90), (-32, 25, 90), (25, -45, 80), (-25, -45, 80)]
    moves = [(0, -15, 0), (0, -6, 0), (0, -6, 0), (6, 6, 0), (-6, 6, 0)]
    deltas = _bumps(vertices, places, moves)
    deltas[:, skin:] = 0
    return deltas


def _bumps(vertices, places, moves):
    """(N, V, 3): each move fades with the distance from its place."""
    squared = ((vertices[None] - np.array(places, np.float32)[:, None]) ** 2).sum(-1)
    return (np.exp(-squared / 2 / 25.0**2)[..., None] * np.array(moves, np.float32)[:, None]).astype(np.float32)


def _maps(size):
    v, u = np.mgrid[0:size, 0:size] / (size - 1)
    skin = np.stack([200 - 30 * v, 150 - 20 * u, 130 - 10 * v], -1).astype(np.uint8)
    return {
        "diffuseMap_0.png": (skin, True),
        "specularMap_0.png": (np.full((size, size), 128, np.uint8), False),
        "roughnessMap_0.png": ((110 + 40 * v).astype(np.uint8), False),
    }


def _sky(height):
    """Linear light, brighter above and to the right."""
    v, u = np.mgrid[0:height, 0 : 2 * height]
    level = 1.0 - 0.7 * v / height + 0.3 * u / (2 * height)
    return np.stack([level, level * 0.95, level * 0.9], -1).astype(np.float32)


def _disc(width, height, focal):
    """The silhouette of the ellipsoid, shaded like one."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    a = (x - width / 2) / (focal * RADII[0] / DISTANCE)
    b = (y - height / 2) / (focal * RADII[1] / DISTANCE)
    depth = np.sqrt(np.clip(1 - a * a - b * b, 0, 1))
    return (depth[..., None] * np.array([220, 170, 150])).astype(np.uint8)


def _png_size(path: Path):
    try:
        head = path.read_bytes()[:24]
    except OSError:
        return None
    return struct.unpack(">II", head[16:24]) if head[:8] == b"\x89PNG\r\n\x1a\n" and len(head) == 24 else None


def write_exr(path: Path, image: np.ndarray) -> None:
    """(H, W, 3) float32 as an uncompressed scanline file (OpenEXR file layout, version 2)."""
    height, width = image.shape[:2]
    box = struct.pack("<4i", 0, 0, width - 1, height - 1)
    # Channels in alphabetical order; pixel type 2 is float.
    channels = b"".join(name + b"\0" + struct.pack("<iB3xii", 2, 0, 1, 1) for name in (b"B", b"G", b"R")) + b"\0"
    attributes = (
        (b"channels", b"chlist", channels),
        (b"compression", b"compression", b"\0"),
        (b"dataWindow", b"box2i", box),
        (b"displayWindow", b"box2i", box),
        (b"lineOrder", b"lineOrder", b"\0"),
        (b"pixelAspectRatio", b"float", struct.pack("<f", 1.0)),
        (b"screenWindowCenter", b"v2f", struct.pack("<2f", 0.0, 0.0)),
        (b"screenWindowWidth", b"float", struct.pack("<f", 1.0)),
    )
    header = struct.pack("<ii", 20000630, 2)
    header += b"".join(n + b"\0" + t + b"\0" + struct.pack("<i", len(d)) + d for n, t, d in attributes) + b"\0"
    size = width * 3 * 4
    first = len(header) + 8 * height
    offsets = struct.pack(f"<{height}Q", *(first + row * (8 + size) for row in range(height)))
    planar = np.ascontiguousarray(image[..., ::-1].transpose(0, 2, 1), "<f4")
    lines = b"".join(struct.pack("<ii", row, size) + planar[row].tobytes() for row in range(height))
    path.write_bytes(header + offsets + lines)
