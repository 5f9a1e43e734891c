"""Draws docs/pictures/skin-colour.png: sampled heads, the colour table, and the model against measured skin.

Usage: python tools/skin_chart.py [--output FILE] [--figures]; --figures prints the tables of docs/skin-colour.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path

import numpy as np
import torch
from head.raster import View, rasterise
from nextgenface.engine.faces import bundled
from nextgenface.engine.faces.model import FaceModel
from nextgenface.engine.faces.skin_colour import SkinColour, tone_of_ita
from nextgenface.engine.faces.skin_gloss import SpecularPrior, specular_prior
from nextgenface.engine.faces.skin_optics import Pigments, as_measured, ita_degrees, lab, skin_albedo
from nextgenface.engine.faces.skin_table import BLOOD_AT_ZERO, table_albedo
from nextgenface.engine.faces.topology import vertex_normals
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Array = NDArray[np.float64]

WIDTH, HEAD, GAP = 1560, 260, 12
ROWS_OF_HEADS, HEADS_IN_ROW = 2, 6


@dataclasses.dataclass(frozen=True)
class Measured:
    """A published mean: L*, a*, b* under D65, and whether the instrument saw the surface's reflection."""

    name: str
    with_surface: bool
    lab: tuple[float, float, float]


MEASURED = (
    Measured("Koreans, 12 sites (Han 2006)", True, (61.75, 9.56, 17.08)),
    Measured("Asians, 5 sites (Yun 2010)", True, (64.15, 8.96, 18.34)),
    Measured("ColorChecker dark skin (McCamy 1976)", False, (37.99, 13.56, 14.06)),
    Measured("nose tip and upper lip, cluster 1 (IADR 2009)", False, (52.5, 17.0, 18.9)),
    Measured("nose tip and upper lip, cluster 2 (IADR 2009)", False, (37.7, 17.2, 14.7)),
    Measured("nose tip and upper lip, cluster 5 (IADR 2009)", False, (26.7, 14.6, 14.7)),
)


def main() -> None:
    """Read the arguments and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "skin-colour.png"
    parser.add_argument("--output", type=Path, default=default)
    parser.add_argument("--figures", action="store_true", help="print tables and times instead of drawing")
    parser.add_argument("--seed", type=int, default=4)
    arguments = parser.parse_args()
    model = bundled.load()
    if arguments.figures:
        print_figures(model)
        return
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    chart(model, arguments.seed).save(arguments.output, optimize=True)


def chart(model: FaceModel, seed: int) -> Image.Image:
    """The whole picture."""
    lower = 470
    picture = Image.new("RGB", (WIDTH, ROWS_OF_HEADS * (HEAD + GAP) + lower), "white")
    for i, head in enumerate(sampled_heads(model, seed)):
        row, column = divmod(i, HEADS_IN_ROW)
        picture.paste(head, (column * HEAD, row * (HEAD + GAP)))
    top = ROWS_OF_HEADS * (HEAD + GAP)
    picture.paste(swatches(700, lower), (0, top))
    picture.paste(plot(WIDTH - 700, lower), (700, top))
    return picture


def sampled_heads(model: FaceModel, seed: int) -> list[Image.Image]:
    """Twelve heads of random identity and skin; their tones are spread evenly from very light to very dark."""
    skin, gloss = SkinColour(model), specular_prior(model)
    generator = torch.Generator().manual_seed(seed)
    heads = []
    for ita in np.linspace(62, -62, ROWS_OF_HEADS * HEADS_IN_ROW):
        coefficients = skin.sample(generator)
        coefficients[skin.names.index("tone")] = tone_of_ita(float(ita))
        identity = 0.8 * torch.randn(model.identity_count, generator=generator).numpy()
        picture = render(model, model.vertices(identity), skin.albedo(coefficients).numpy(), gloss)
        ImageDraw.Draw(picture).text((8, HEAD - 24), f"ITA {ita:+.0f}", fill="white", font=_font(15))
        heads.append(picture)
    return heads


def render(
    model: FaceModel, vertices: NDArray[np.float32], albedo: NDArray[np.float32], gloss: SpecularPrior
) -> Image.Image:
    """The head under a soft window light: Lambert, and a Blinn-Phong highlight of the prior's level and roughness."""
    size = 2 * HEAD
    view = View(yaw=-18.0, pitch=3.0, centre=(0, -12, 60), span=230, size=size)
    pixels, depth = view.project(vertices.astype(np.float64))
    triangle, weights = rasterise(pixels, depth, model.triangles, size)

    def at_pixels(values: Array) -> Array:
        return np.asarray((values[model.triangles[triangle]] * weights[..., None]).sum(2))

    normals = at_pixels(vertex_normals(vertices, model.triangles).astype(np.float64)) @ view.rotation().T
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
    shine = at_pixels(np.stack([gloss.level_mean, gloss.roughness_mean], -1))
    colour = _shade(normals, at_pixels(albedo.astype(np.float64)), shine)
    colour[triangle < 0] = 0.18
    encoded = np.where(colour <= 0.0031308, 12.92 * colour, 1.055 * np.clip(colour, 0, 1) ** (1 / 2.4) - 0.055)
    return Image.fromarray((255 * np.clip(encoded, 0, 1)).astype(np.uint8)).resize((HEAD, HEAD), Image.Resampling.BOX)


def _shade(normals: Array, albedo: Array, shine: Array) -> Array:
    """(..., 3) radiance for unit normals in the camera's frame under a sky and two white lights."""
    light = np.repeat(0.25 + 0.15 * normals[..., 1:2], 3, -1)
    glossy = np.zeros_like(light)
    exponent = 2 / np.maximum(shine[..., 1:2], 0.05) ** 4 - 2
    for direction, strength in (((0.5, 0.55, 0.75), 0.75), ((-0.8, 0.1, 0.5), 0.2)):
        to_light = np.array(direction) / np.linalg.norm(direction)
        cosine = np.clip(normals @ to_light, 0, 1)[..., None]
        half = to_light + np.array([0.0, 0.0, 1.0])
        lobe = np.clip(normals @ (half / np.linalg.norm(half)), 0, 1)[..., None] ** exponent
        light += strength * cosine
        glossy += strength * cosine * (exponent + 8) / 8 * lobe * 0.08 * shine[..., :1]
    return np.asarray(albedo * light + glossy)


def swatches(width: int, height: int) -> Image.Image:
    """The table: melanin to the right, haemoglobin upwards."""
    melanin, haemoglobin = np.linspace(-1, 1, 14), np.linspace(3, -3, 9)
    colours = table_albedo(melanin[None], haemoglobin[:, None])
    encoded = (255 * np.clip(1.055 * colours ** (1 / 2.4) - 0.055, 0, 1)).astype(np.uint8)
    picture = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    inner = Image.fromarray(encoded).resize((width - 80, height - 90), Image.Resampling.NEAREST)
    picture.paste(inner, (60, 40))
    draw.text((60, 12), "albedo by melanin (right: more) and blood (up: more)", fill="black", font=_font(16))
    for x, m in zip(np.linspace(0.5 / 14, 1 - 0.5 / 14, 14), melanin, strict=True):
        draw.text((60 + x * (width - 80), height - 44), f"{-65 * m:+.0f}", fill="black", font=_font(12), anchor="ma")
    draw.text(
        (60 + (width - 80) / 2, height - 26),
        "ITA in degrees, at ordinary blood",
        fill="black",
        font=_font(13),
        anchor="ma",
    )
    for y, h in zip(np.linspace(0.5 / 9, 1 - 0.5 / 9, 9), haemoglobin, strict=True):
        share = 100 * BLOOD_AT_ZERO * 2**h
        draw.text((54, 40 + y * (height - 90)), f"{share:.1f} %", fill="black", font=_font(12), anchor="rm")
    return picture


def plot(width: int, height: int) -> Image.Image:
    """a* and b* over L*: the model's usual skin, its spread, and what was measured."""
    picture = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    melanin = np.linspace(-1, 1, 60)
    for panel, (axis, name) in enumerate(((1, "a*"), (2, "b*"))):
        left, top = 50 + panel * (width // 2), 40
        w, h = width // 2 - 70, height - 90

        def place(
            point: Array, left: int = left, top: int = top, w: int = w, h: int = h, axis: int = axis
        ) -> tuple[float, float]:
            return left + (point[0] - 20) / 60 * w, top + h - point[axis] / 28 * h

        draw.rectangle((left, top, left + w, top + h), outline="black")
        draw.text((left, 12), f"{name} over L* (D65): model and measured means", fill="black", font=_font(16))
        for tick in range(20, 81, 10):
            draw.text((left + (tick - 20) / 60 * w, top + h + 6), str(tick), fill="black", font=_font(12), anchor="ma")
        for tick in range(0, 26, 5):
            draw.text((left - 6, top + h - tick / 28 * h), str(tick), fill="black", font=_font(12), anchor="rm")
        for blood, line in ((-1.0, 1), (0.0, 3), (1.0, 1)):
            for surface, ink in ((True, "#c23b22"), (False, "#3b6fc2")):
                albedo = table_albedo(melanin, np.array(blood))
                points = lab(as_measured(albedo) if surface else albedo)
                draw.line([place(p) for p in points], fill=ink, width=line)
        for item in MEASURED:
            x, y = place(np.array(item.lab))
            draw.ellipse(
                (x - 5, y - 5, x + 5, y + 5), fill="#c23b22" if item.with_surface else "#3b6fc2", outline="black"
            )
    note = (
        "red: as an instrument that includes the surface's reflection; blue: without it; thin: half and twice the blood"
    )
    draw.text((50, height - 26), note, fill="black", font=_font(13))
    return picture


def print_figures(model: FaceModel) -> None:
    """The tables of docs/skin-colour.md, and the times."""
    print("| measured skin | L* a* b* | model at this L*: a* b* | nearest of the model: L* a* b* | distance |")
    print("| --- | --- | --- | --- | --- |")
    melanin, blood = np.linspace(-1.1, 1.1, 331), np.linspace(-3, 3.5, 131)
    grid = table_albedo(melanin[:, None], blood[None])
    for item in MEASURED:
        colours = lab(as_measured(grid) if item.with_surface else grid)
        usual = colours[:, np.abs(blood).argmin()]
        at = usual[np.abs(usual[:, 0] - item.lab[0]).argmin()]
        distance = np.linalg.norm(colours - item.lab, axis=-1)
        best = colours.reshape(-1, 3)[distance.argmin()]
        print(f"| {item.name} | {_row(item.lab)} | {_row(at[1:])} | {_row(best)} | {distance.min():.1f} |")
    _print_classes()
    _print_times(model)


def _print_classes() -> None:
    print("\n| ITA | linear Rec. 709 | L* a* b* | as measured with the surface: L* a* b*, ITA | melanosomes |")
    print("| --- | --- | --- | --- | --- |")
    for ita in (65, 55, 41, 28, 10, -10, -30, -50, -65):
        shares = np.geomspace(1e-4, 0.6, 2000)
        albedos = skin_albedo(Pigments(shares, BLOOD_AT_ZERO))
        i = np.abs(ita_degrees(albedos) - ita).argmin()
        seen = as_measured(albedos[i])
        rgb = " ".join(f"{c:.3f}" for c in albedos[i])
        print(
            f"| {ita} | {rgb} | {_row(lab(albedos[i]))} | {_row(lab(seen))}, {ita_degrees(seen):.0f} | {shares[i]:.3f} |"
        )


def _print_times(model: FaceModel) -> None:
    # Processor time of one thread: it does not depend on what else the machine does.
    torch.set_num_threads(1)
    SkinColour(model)
    start = time.process_time()
    skin = SkinColour(model)
    built = time.process_time() - start
    coefficients = skin.mean().requires_grad_()
    spent = []
    for _ in range(30):
        start = time.process_time()
        skin.albedo(coefficients).sum().backward()
        spent.append(time.process_time() - start)
    print(f"\n{model.vertex_count} vertices, {skin.count} coefficients, processor time on one thread:")
    print(f"construction {1e3 * built:.0f} ms, albedo and backward {1e3 * np.median(spent):.1f} ms")


def _row(values: Array | tuple[float, ...]) -> str:
    return " ".join(f"{v:.1f}" for v in values)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


if __name__ == "__main__":
    main()
