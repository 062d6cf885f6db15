"""The field generator: predicts at a small size what a swap is composed from at any size."""

import torch
import torch.nn.functional as F

from swapcore.config import ModelParams
from swapcore.models.blocks import ResidualBlock, activate, convolution
from swapcore.models.generator import Backbone, Window, initial_subpixels, window_of
from swapcore.ops.compose import Fields, Guide, Swap, compose, move
from swapcore.ops.correspondence import gaussian_blur, well_inside
from swapcore.ops.light import Areas, Light, estimate_light, relight
from swapcore.ops.sampling import full_precision

_NUM_CHANNELS = 13
"""Source, template, the source as the guide moves and lights it, the template as it moves it, and the guide's visibility."""
_MAX_GAIN = 0.5
_MAX_BIAS = 0.02
"""Of the learned correction. With a large bias the network lowers the contrast of skin it cannot place: a lower gain, and a
bias that keeps the mean. It cannot do so with a gain alone."""
_MASK_LOGIT, _SOURCE_LOGIT, _PAINT_LOGIT = 6.0, 3.0, -6.0
"""Of the first guess, see ``_first_logits``."""
_SURE_REACH, _UNSURE_REACH, _MASK_REACH = 1.0, 4.0, 2.0
"""Of the learned correction of logits. A network that may overrule the guide shrinks the source's share from its edges: brows end
too early, and lips become the template's. It may do so where the source hides what the output shows."""
_MOVES = 0.1
"""From this part of the outline's movement on surroundings are replaced."""
_FEATURE_EDGE = 2 / 112
"""Of the side: how softly the correction of flows ends at brows, eyes and lips."""


class FieldGenerator(Backbone):
    """Predicts flows, light, shares, paint and mask, and composes them at the size of its inputs."""

    def __init__(self, params: ModelParams, *, embedding_size: int, pooled_size: int, size_px: int) -> None:
        """Build an untrained generator.

        Args:
            params: widths, depths and the reach of the flow.
            embedding_size: D, numbers in the recognizer's embedding.
            pooled_size: P, numbers in its pooled levels (``source.pool_levels``).
            size_px: working size w, at which fields are predicted.
        """
        super().__init__(params, num_channels=_NUM_CHANNELS, embedding_size=embedding_size, pooled_size=pooled_size)
        self.size_px = size_px
        self.max_flow = 2.0 * params.max_flow
        self.coarse = convolution(self.coarse_width, 10, gain=0.01)  # two flows, gain, bias
        self.fine = convolution(params.width, 4, gain=0.01)  # what the flows lack
        self.refine = ResidualBlock(params.width)
        self.output = convolution(params.width, 6 * self.unshuffle**2, gain=0.05)  # paint, mask, two logits of shares
        initial_subpixels(self.output, self.unshuffle)

    def forward(
        self, source: torch.Tensor, template: torch.Tensor, description: torch.Tensor, guide: Guide | None = None
    ) -> Swap:
        """Swap a batch.

        Args:
            source: (B, 3, S, S) in [-1, 1], S a multiple of the working size.
            template: (B, 3, S, S) in [-1, 1].
            description: (B, P + D) of the source, from ``self.description.describe``.
            guide: of the working size.
        """
        assert guide is not None
        fields = self.predict(shrink(source, self.size_px), shrink(template, self.size_px), description, guide)
        image, raw, mask = compose(fields, source, template, smooth=not self.training)
        return Swap(image, raw, mask, fields)

    def predict(self, source: torch.Tensor, template: torch.Tensor, description: torch.Tensor, guide: Guide) -> Fields:
        """Predict the fields of a batch at the working size, (B, 3, w, w) images and a guide of that size."""
        usable = guide.usable
        with full_precision(source):
            # Near the outline the source may already show the background.
            seen = well_inside(guide.visible)
            moved, own = move(source, guide.flow), move(template, guide.own_flow)
            areas = Areas(usable * guide.skin, seen, guide.eyes, guide.brows, guide.lips)
            light = estimate_light(moved, own, areas)
            first_guess = relight(moved, light)
        window = window_of(self.size_px, self.window, self.multiple)
        spliced = window.cut(torch.cat([source, template, first_guess, own, usable], 1))
        coarse, fine = self.decode(spliced, description)
        fine = activate(self.refine(fine))
        with full_precision(source):
            return self._fields(coarse.float(), fine.float(), guide, seen, light, window)

    def _fields(
        self,
        coarse: torch.Tensor,
        fine: torch.Tensor,
        guide: Guide,
        seen: torch.Tensor,
        light: Light,
        window: Window,
    ) -> Fields:
        """Turn the decoder's maps into fields of the whole crop; outside the window they continue its edge, the mask is 0."""
        slow, flows = self.coarse(coarse), self.fine(fine)
        slow = F.interpolate(slow, size=(window.side, window.side), mode="bilinear", align_corners=False)
        flows = F.interpolate(flows, size=(window.side, window.side), mode="bilinear", align_corners=False)
        flows = self.max_flow * window.cut(_movable(guide)) * torch.tanh(slow[:, :4] + flows)
        sharp = F.pixel_shuffle(self.output(fine), self.unshuffle)
        mask_logit, share_logits, reach = _first_logits(guide, seen, window)
        of_mask, of_shares = _bounded(sharp[:, 3:4], _MASK_REACH), _bounded(sharp[:, 4:6], reach)
        shares = torch.softmax(F.pad(of_shares, (0, 0, 0, 0, 0, 1)) + share_logits, 1)
        flows, gain, bias, shares, painted = (
            window.extend(field, self.size_px)
            for field in (
                flows,
                _MAX_GAIN * torch.tanh(slow[:, 4:7]),
                _MAX_BIAS * torch.tanh(slow[:, 7:]),
                shares,
                torch.tanh(sharp[:, :3]),
            )
        )
        mask = window.put(torch.sigmoid(of_mask + mask_logit) * window.opening(sharp), self.size_px)
        source_flow, template_flow = guide.flow + flows[:, :2], guide.own_flow + flows[:, 2:]
        light = light._replace(wanted=light.wanted + gain)
        return Fields(source_flow, template_flow, *light, bias, shares, painted, mask)


def _bounded(logits: torch.Tensor, reach: torch.Tensor | float) -> torch.Tensor:
    return reach * torch.tanh(logits / reach)


def _movable(guide: Guide) -> torch.Tensor:
    """Where flows are corrected, (B, 1, w, w) in [0, 1]: not at brows, eyes and lips, where landmarks are exact and carry the
    expression."""
    return gaussian_blur(guide.skin, _FEATURE_EDGE * int(guide.skin.shape[-1]))


def _first_logits(guide: Guide, seen: torch.Tensor, window: Window) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Compute what training starts from: the source inside the face where it is visible, the moved template around it.

    From even shares the network would learn half-and-half faces.

    Args:
        guide: of the working size.
        seen: (B, 1, w, w) in [0, 1], where the source shows the face, away from its outline.
        window: in which fields are predicted.

    Returns:
        Logit of the mask (B, 1, side, side); logits of paint, source and template (B, 3, side, side); reach of their correction
        (B, 1, side, side).
    """
    source = _SOURCE_LOGIT * (2 * seen * (1 - guide.kept) - 1)
    unsure = guide.near * (1 - guide.kept) * (1 - seen)
    shares = torch.cat([source.abs() + _PAINT_LOGIT, source, -source], 1)
    reach = _SURE_REACH + (_UNSURE_REACH - _SURE_REACH) * unsure
    # What moves with the outline is replaced as a whole; mixed with what is there, outlines would be double.
    moves = (guide.near / _MOVES - 1).clamp(max=1)
    return window.cut(_MASK_LOGIT * moves), window.cut(shares), window.cut(reach)


def shrink(image: torch.Tensor, size_px: int) -> torch.Tensor:
    """Average (B, C, S, S) down to (B, C, size_px, size_px); S is a multiple of size_px."""
    factor = image.shape[-1] // size_px
    return image if factor == 1 else F.avg_pool2d(image, factor)
