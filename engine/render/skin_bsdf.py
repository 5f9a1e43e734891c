"""The skin of `scene.material` as a BSDF of Mitsuba's, differentiable by its three textures.

A normal map, where there is one, turns the shading frame as Cycles does it (see `scene.tangents`); the diffuse layer
then gets Cycles' softening of the terminator.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from ..scene.material import (
    LEAST_ROUGHNESS,
    TABLE_SHAPE,
    albedo_table,
    f0_of_level,
    fresnel,
    ggx_density,
    smith_g1,
    smith_g2,
)
from .transfer import LEAST_COSINE, sample_lobe

PLUGIN = "nextgenface_skin"
# What a mesh must carry for a normal map: its tangents, and the sign of normal x tangent.
TANGENT, TANGENT_SIGN = "vertex_tangent", "vertex_tangent_sign"
# Share of samples that follow the highlight: never less, so that it is not noisy, and never all.
LEAST_SPECULAR_SHARE, MOST_SPECULAR_SHARE = 0.2, 0.9
# Below this the layer reflects nothing that could be seen, and the square root's slope would be infinite at 0.
LEAST_F0 = 1e-6


@functools.cache
def register(variant: str) -> type[Any]:
    """Register the plugin `PLUGIN` for ``variant``, which must be the one set now; returns its class.

    The plugin takes three textures in [0, 1]: ``diffuse`` (linear base colour), ``specular`` (Specular IOR Level) and
    ``roughness``; and, for meshes with the attributes `TANGENT` and `TANGENT_SIGN`, a normal map ``normal``.
    """
    import mitsuba as mi

    # Mitsuba's base class is there only once a variant is set. All that it computes is in `_Skin`.
    class SkinBSDF(mi.BSDF):
        def __init__(self, props: Any) -> None:
            mi.BSDF.__init__(self, props)
            normal = props.get("normal", None)
            self.skin = _Skin(props["diffuse"], props["specular"], props["roughness"], _albedo_texture(), normal)
            front = mi.BSDFFlags.FrontSide | mi.BSDFFlags.SpatiallyVarying
            self.m_components = [mi.BSDFFlags.DiffuseReflection | front, mi.BSDFFlags.GlossyReflection | front]
            self.m_flags = self.m_components[0] | self.m_components[1]

        def traverse(self, callback: Any) -> None:
            for name in ("diffuse", "specular", "roughness"):
                callback.put(name, getattr(self.skin, name), mi.ParamFlags.Differentiable)

        def eval_pdf(self, ctx: Any, si: Any, wo: Any, active: Any = True) -> tuple[Any, Any]:
            return self.skin.eval_pdf(si, wo, active)

        def eval(self, ctx: Any, si: Any, wo: Any, active: Any = True) -> Any:
            return self.skin.eval_pdf(si, wo, active)[0]

        def pdf(self, ctx: Any, si: Any, wo: Any, active: Any = True) -> Any:
            return self.skin.eval_pdf(si, wo, active)[1]

        def sample(self, ctx: Any, si: Any, sample1: Any, sample2: Any, active: Any = True) -> tuple[Any, Any]:
            return self.skin.sample(si, sample1, sample2, active)

        def eval_diffuse_reflectance(self, si: Any, active: Any = True) -> Any:
            return self.skin.diffuse.eval(si, active)

        def to_string(self) -> str:
            return "SkinBSDF[]"

    mi.register_bsdf(PLUGIN, SkinBSDF)
    return SkinBSDF


@dataclass(frozen=True)
class _Bend:
    """What a normal map does at a hit: the frame that it turns the shading frame into."""

    frame: Any
    upright: Any

    def to_bent(self, local: Any) -> Any:
        """A direction of the shading frame in the turned one."""
        return self.frame.to_local(self.upright.to_world(local))

    def to_local(self, bent: Any) -> Any:
        """The other way."""
        return self.upright.to_local(self.frame.to_world(bent))

    def shadow(self, local: Any) -> Any:
        """Share of the diffuse layer's light from ``local`` of the shading frame.

        Conty Estevez, Lecocq and Stein, "A Microfacet-Based Shadowing Function to Solve the Bump Terminator Problem"
        (2019), equations 12.1 to 12.3.
        """
        import drjit as dr

        cosine = dr.clip(dr.dot(self.frame.n, self.upright.n), 1e-3, 1.0)
        alpha_squared = dr.clip(0.125 * (dr.rcp(cosine * cosine) - 1.0), 0.0, 1.0)
        height = dr.clip(local.z, 1e-3, 1.0)
        return 2.0 * dr.rcp(1.0 + dr.sqrt(1.0 + alpha_squared * (dr.rcp(height * height) - 1.0)))


@dataclass(frozen=True)
class _Skin:
    """Textures and the table of E; local directions, ``si.wi`` towards the viewer, ``wo`` towards the light."""

    diffuse: Any
    specular: Any
    roughness: Any
    table: Any
    normal: Any = None

    def bend(self, si: Any, active: Any) -> _Bend | None:
        """The normal map at a hit; None without one."""
        import drjit as dr
        import mitsuba as mi

        if self.normal is None:
            return None
        colour = self.normal.eval_3(si, active) * 2.0 - 1.0
        normal = si.sh_frame.n
        tangent = mi.Vector3f(si.shape.eval_attribute_3(TANGENT, si, active))
        side = dr.cross(normal, tangent) * si.shape.eval_attribute_1(TANGENT_SIGN, si, active)
        bent = dr.normalize(tangent * colour[0] + side * colour[1] + normal * colour[2])
        return _Bend(mi.Frame3f(bent), si.sh_frame)

    def surface(self, si: Any, cosine: Any, active: Any) -> tuple[Any, Any, Any, Any]:
        """Base colour, F0, alpha and E at a hit that is seen at ``cosine``."""
        import drjit as dr
        import mitsuba as mi

        colour = self.diffuse.eval(si, active)
        level = self.specular.eval_1(si, active)
        roughness = dr.clip(self.roughness.eval_1(si, active), LEAST_ROUGHNESS, 1.0)
        f0 = dr.maximum(f0_of_level(level), LEAST_F0)
        place: Any = mi.Point3f(dr.sqrt(dr.clip(level, LEAST_F0, 1.0)), roughness, cosine)
        size = mi.Vector3f(TABLE_SHAPE[2], TABLE_SHAPE[1], TABLE_SHAPE[0])
        albedo = self.table.eval((place * (size - 1.0) + 0.5) / size, active)[0]
        return colour, f0, roughness * roughness, albedo

    def eval_pdf(self, si: Any, wo: Any, active: Any) -> tuple[Any, Any]:
        """BSDF times cosine to the light, and the density of `sample`."""
        return self._eval_pdf(si, wo, self.bend(si, active), active)

    def _eval_pdf(self, si: Any, wo: Any, bend: _Bend | None, active: Any) -> tuple[Any, Any]:
        import drjit as dr
        import mitsuba as mi

        usable = _usable(si, wo, active)
        view, light, shadow = si.wi, wo, 1.0
        if bend is not None:
            view, light, shadow = bend.to_bent(si.wi), bend.to_bent(wo), bend.shadow(wo)
            usable &= light.z > 0
        colour, f0, alpha, albedo = self.surface(si, view.z, active)
        half = dr.normalize(view + light)
        cosine_view, cosine_light = dr.maximum(view.z, LEAST_COSINE), dr.maximum(light.z, LEAST_COSINE)
        half_cosine = dr.clip(dr.dot(view, half), 0.0, 1.0)
        density = dr.select(view.z > 0, ggx_density(half.z, alpha) / (4.0 * cosine_view), 0.0)
        lobe = fresnel(half_cosine, f0) * density * smith_g2(cosine_light, cosine_view, alpha)
        body = (1.0 - albedo) * dr.inv_pi * light.z * shadow
        share = _specular_share(colour, albedo)
        pdf = share * density * smith_g1(cosine_view, alpha) + (1.0 - share) * dr.inv_pi * light.z
        value = mi.Color3f(lobe) + colour * body
        return dr.select(usable, value, 0.0), dr.select(usable, dr.detach(pdf), 0.0)

    def sample(self, si: Any, sample1: Any, sample2: Any, active: Any) -> tuple[Any, Any]:
        """A direction by the mixture of lobe and cosine, with BSDF times cosine over density."""
        import drjit as dr
        import mitsuba as mi

        bend = self.bend(si, active)
        with _no_gradient():
            view = si.wi if bend is None else bend.to_bent(si.wi)
            colour, _, alpha, albedo = self.surface(si, view.z, active)
            specular = sample1 < _specular_share(colour, albedo)
            glossy, _, _ = sample_lobe(view, alpha, (sample2.x, sample2.y))
            wo = dr.select(specular, glossy, mi.warp.square_to_cosine_hemisphere(sample2))
            wo = wo if bend is None else bend.to_local(wo)
        value, pdf = self._eval_pdf(si, wo, bend, active)
        drawn: Any = mi.BSDFSample3f()
        drawn.wo, drawn.pdf, drawn.eta = wo, pdf, 1.0
        drawn.sampled_type = dr.select(
            specular, mi.UInt32(+mi.BSDFFlags.GlossyReflection), mi.UInt32(+mi.BSDFFlags.DiffuseReflection)
        )
        drawn.sampled_component = dr.select(specular, mi.UInt32(1), mi.UInt32(0))
        return drawn, dr.select(pdf > 0, value / dr.maximum(pdf, 1e-12), 0.0)


def _specular_share(colour: Any, albedo: Any) -> Any:
    """Probability of sampling the specular lobe."""
    import drjit as dr

    body = (1.0 - albedo) * dr.mean(colour)
    share = dr.detach(albedo / dr.maximum(albedo + body, 1e-6))
    return dr.clip(share, LEAST_SPECULAR_SHARE, MOST_SPECULAR_SHARE)


def _usable(si: Any, wo: Any, active: Any) -> Any:
    """Both directions over the shading normal, the light also over the facet, as in Cycles."""
    import drjit as dr

    over_facet = dr.dot(si.n, si.to_world(wo)) * dr.dot(si.n, si.sh_frame.n) > 0
    return active & (si.wi.z > 0) & (wo.z > 0) & over_facet


def _no_gradient() -> Any:
    import drjit as dr

    suspend: Any = dr.suspend_grad
    return suspend()


def _albedo_texture() -> Any:
    """E of `scene.material` for look-ups at (sqrt(level), roughness, cosine)."""
    import drjit as dr
    import mitsuba as mi

    table = mi.TensorXf(albedo_table()[..., None])
    texture: Any = mi.Texture3f
    return texture(table, filter_mode=dr.FilterMode.Linear, wrap_mode=dr.WrapMode.Clamp)


def skin_description(diffuse: Any, specular: Any, roughness: Any, normal: Any = None) -> dict[str, Any]:
    """Mitsuba's description of a skin with bilinear textures; the variant must be set.

    Args:
        diffuse: (H, W, 3) linear base colour in [0, 1]; array or Mitsuba tensor. The first row is v = 1.
        specular: (H, W) Specular IOR Level in [0, 1]; array, or Mitsuba tensor (H, W, 1).
        roughness: (H, W) in [0, 1]; likewise.
        normal: (H, W, 3) in [0, 1], a normal map as `scene.tangents` has it; None: the mesh's own normals.
    """
    import mitsuba as mi

    register(mi.variant())
    maps = {"diffuse": diffuse, "specular": specular, "roughness": roughness}
    if normal is not None:
        maps["normal"] = normal
    return {"type": PLUGIN} | {name: _texture(values) for name, values in maps.items()}


def _texture(values: Any) -> dict[str, Any]:
    import mitsuba as mi
    import numpy as np

    if not isinstance(values, mi.TensorXf):
        array = np.asarray(values, np.float32)
        values = mi.TensorXf(np.ascontiguousarray(array if array.ndim == 3 else array[..., None]))
    return {
        "type": "bitmap",
        "data": values,
        "raw": True,
        "format": "variant",
        "filter_type": "bilinear",
        "wrap_mode": "clamp",
    }
