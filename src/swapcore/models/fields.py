"""The field generator: predicts at a small size what a swap is composed from at any size."""

import torch
import torch.nn.functional as F

from swapcore.config import ModelParams
from swapcore.models.blocks import ResidualBlock, activate, convolution
from swapcore.models.generator import Backbone, Window, initial_subpixels, window_of
from swapcore.ops.compose import Fields, Guide, Light, Swap, compose, move, relight, slow_light
from swapcore.ops.correspondence import well_inside
from swapcore.ops.sampling import full_precision

_NUM_CHANNELS = 13
"""Source, template, the source as the guide moves and lights it, the template as it moves it, and the guide's visibility."""
_MAX_GAIN = 0.5
_MAX_BIAS = 0.05
"""Of the learned correction. With a large bias the network lowers the contrast of skin it cannot place: a lower gain, and a
bias that keeps the mean. It cannot do so with a gain alone."""
_MASK_LOGIT, _SOURCE_LOGIT, _PAINT_LOGIT = 4.0, 2.0, -3.0
"""Of the first guess, see ``_first_logits``."""
_SHARE_REACH = 1.0
"""Of the learned correction of the logits of shares, less than those of the first guess. A network that may overrule the guide
shrinks the source's share from its edges: brows end too early, and lips become the template's. Finished models only: a network
that is trained with this bound distorts the flows instead."""


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
            moved, own = move(source, guide.flow), move(template, guide.own_flow)
            light = slow_light(moved, own, usable * guide.skin)
            first_guess = relight(moved, light)
        window = window_of(self.size_px, self.window, self.multiple)
        spliced = window.cut(torch.cat([source, template, first_guess, own, usable], 1))
        coarse, fine = self.decode(spliced, description)
        fine = activate(self.refine(fine))
        with full_precision(source):
            return self._fields(coarse.float(), fine.float(), guide, light, window)

    def _fields(
        self,
        coarse: torch.Tensor,
        fine: torch.Tensor,
        guide: Guide,
        light: Light,
        window: Window,
    ) -> Fields:
        """Turn the decoder's maps into fields of the whole crop; outside the window they continue its edge, the mask is 0."""
        slow, flows = self.coarse(coarse), self.fine(fine)
        slow = F.interpolate(slow, size=(window.side, window.side), mode="bilinear", align_corners=False)
        flows = F.interpolate(flows, size=(window.side, window.side), mode="bilinear", align_corners=False)
        flows = self.max_flow * torch.tanh(slow[:, :4] + flows)
        sharp = F.pixel_shuffle(self.output(fine), self.unshuffle)
        mask_logit, share_logits = _first_logits(guide, window)
        of_shares = sharp[:, 4:6]
        if not self.training:
            of_shares = _SHARE_REACH * torch.tanh(of_shares / _SHARE_REACH)
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
        mask = window.put(torch.sigmoid(sharp[:, 3:4] + mask_logit) * window.opening(sharp), self.size_px)
        source_flow, template_flow = guide.flow + flows[:, :2], guide.own_flow + flows[:, 2:]
        dark_gain = light.dark_gain + gain.mean(1, keepdim=True)
        return Fields(
            source_flow, template_flow, light.gain + gain, light.bias + bias, dark_gain, shares, painted, mask
        )


def _first_logits(guide: Guide, window: Window) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute what training starts from: the source inside the face where it is visible, the moved template around it.

    From even shares the network would learn half-and-half faces.

    Returns:
        Logit of the mask (B, 1, side, side); logits of paint, source and template (B, 3, side, side).
    """
    # Near the outline the source may already show the background.
    source = _SOURCE_LOGIT * (2 * well_inside(guide.visible) * (1 - guide.kept) - 1)
    shares = torch.cat([source.abs() + _PAINT_LOGIT, source, -source], 1)
    return window.cut(_MASK_LOGIT * (2 * guide.near - 1)), window.cut(shares)


def shrink(image: torch.Tensor, size_px: int) -> torch.Tensor:
    """Average (B, C, S, S) down to (B, C, size_px, size_px); S is a multiple of size_px."""
    factor = image.shape[-1] // size_px
    return image if factor == 1 else F.avg_pool2d(image, factor)
