"""The generator's total loss: every term of the method, weighted and named, so that each can be logged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from swapcore.config import LossWeights
from swapcore.losses.adversarial import generator_loss
from swapcore.losses.feature import feature_loss
from swapcore.losses.fields import Correspondence, edges, field_terms
from swapcore.losses.identity import source_identity_loss, template_identity_loss
from swapcore.losses.jitter import Jitter, apply_jitter
from swapcore.losses.pixel import change_weight, pixel_loss
from swapcore.ops.compose import Guide, Swap
from swapcore.ops.embedding import centered

Recognize = Callable[[torch.Tensor], tuple[Sequence[torch.Tensor], torch.Tensor]]
"""The frozen recognizer: (B, 3, S, S) in [-1, 1] to levels and raw embedding (B, D)."""
Levels = Callable[[torch.Tensor], Sequence[torch.Tensor]]
"""A frozen feature network: (B, 3, S, S) in [-1, 1] to levels."""
Terms = dict[str, torch.Tensor]
"""Name of a term to its weighted value; the total is their sum."""
EVERYTHING = slice(None)


@dataclass(frozen=True)
class Targets:
    """What a batch of swaps is compared with."""

    label: torch.Tensor
    """(B, 3, S, S) in [-1, 1]: a photograph, or the teacher's fake."""
    template: torch.Tensor
    """(B, 3, S, S) in [-1, 1]."""
    is_fake_label: torch.Tensor
    """bool (B,)."""
    source_identity: torch.Tensor
    """(B, D), centered unit vectors."""
    template_identity: torch.Tensor
    """(B, D), centered unit vectors."""
    view: torch.Tensor
    """(B, 2, 3): see ``apply_jitter``; where the label's face is cut by its own key points, as every photograph is that
    a recognizer looks at."""

    def select(self, samples: slice) -> "Targets":
        """Those of some samples."""
        return Targets(**{name: value[samples] for name, value in vars(self).items()})


@dataclass(frozen=True)
class FieldTargets:
    """What the fields of a batch of swaps are compared with."""

    guide: Guide
    known: Correspondence


class SwapLoss:
    """The method's losses of the generator (claims 2 to 6)."""

    def __init__(
        self,
        weights: LossWeights,
        recognize: Recognize,
        embedding_mean: torch.Tensor,
        num_feature_levels: int,
        feature_network: Levels | None,
    ) -> None:
        """Bind the losses to their networks.

        Args:
            weights: of every term; 0 leaves a term out.
            recognize: for the identity losses, and for the feature loss where feature_network is None.
            embedding_mean: (D,), mean raw embedding of the training people.
            num_feature_levels: how many levels the feature loss compares, from the first.
            feature_network: of the feature loss, or None for the recognizer's own levels.
        """
        self.weights = weights
        self._recognize = recognize
        self._embedding_mean = embedding_mean
        self._num_levels = num_feature_levels
        self._feature_network = feature_network

    def __call__(
        self,
        swap: Swap,
        targets: Targets,
        *,
        fields: FieldTargets | None = None,
        jitter: Jitter,
        judge_raw: bool,
        judged: slice = EVERYTHING,
    ) -> Terms:
        """Every term but the adversarial one.

        Args:
            swap: the composite and the image before the mask. The pixel loss judges both: if only the composite were
                judged, a mask that chooses the template everywhere would score well at once, and the raw image would
                never learn.
            targets: what they should be.
            fields: what the fields should be, where the swap has fields.
            jitter: applied before the frozen networks, to output and label alike.
            judge_raw: whether identity and features judge raw instead of the composite.
            judged: which samples the frozen networks look at; at small sizes they cost as much as the generator.
        """
        image, raw = swap.image, swap.raw
        terms = self._pixel_terms(image, raw, targets)
        if swap.fields is not None and fields is not None:
            terms |= field_terms(self.weights, swap.fields, fields.guide, fields.known)
        if self.weights.feature or self.weights.identity_source or self.weights.identity_template:
            chosen, jitter = targets.select(judged), jitter.select(judged)
            output = apply_jitter((raw if judge_raw else image)[judged], jitter, chosen.view)
            with torch.no_grad():
                label = apply_jitter(chosen.label, jitter, chosen.view)
            levels, embedding = self._recognize(output)
            terms |= self._identity_terms(embedding, chosen)
            terms |= self._feature_terms(output, label, levels, chosen)
        return terms

    def adversarial(self, scores: torch.Tensor) -> Terms:
        """The adversarial term, from the discriminator's scores of the composite."""
        return {"adversarial": self.weights.adversarial * generator_loss(scores)}

    def _pixel_terms(self, image: torch.Tensor, raw: torch.Tensor, targets: Targets) -> Terms:
        weight = change_weight(targets.label, targets.template, self.weights.pixel_change)
        real, fake = self.weights.pixel_real, self.weights.pixel_fake
        terms = {"pixel": pixel_loss(image, targets.label, weight, targets.is_fake_label, real=real, fake=fake)}
        if self.weights.pixel_raw:
            of_raw = pixel_loss(raw, targets.label, weight, targets.is_fake_label, real=real, fake=fake)
            terms["pixel_raw"] = self.weights.pixel_raw * of_raw
        if self.weights.edges:
            of_edges = pixel_loss(
                edges(image), edges(targets.label), weight, targets.is_fake_label, real=real, fake=fake
            )
            terms["edges"] = self.weights.edges * of_edges
        return terms

    def _identity_terms(self, embedding: torch.Tensor, targets: Targets) -> Terms:
        output = centered(embedding, self._embedding_mean)
        source, template = targets.source_identity, targets.template_identity
        terms = {}
        if self.weights.identity_source:
            terms["identity_source"] = self.weights.identity_source * source_identity_loss(output, source)
        if self.weights.identity_template:
            terms["identity_template"] = self.weights.identity_template * template_identity_loss(
                output, source, template
            )
        return terms

    def _feature_terms(
        self, judged: torch.Tensor, label: torch.Tensor, levels: Sequence[torch.Tensor], targets: Targets
    ) -> Terms:
        """Only groups with a real label count: a fake label's texture is the teacher's (claim 4)."""
        if not self.weights.feature:
            return {}
        real = ~targets.is_fake_label
        if not bool(real.any()):  # named all the same: processes and parts of a batch average their terms
            return {"feature": judged.new_zeros((), dtype=torch.float32)}
        if self._feature_network is not None:
            levels = self._feature_network(judged)
        with torch.no_grad():
            wanted = self._levels_of(label[real])[: self._num_levels]
        loss = feature_loss([level[real] for level in levels[: self._num_levels]], wanted)
        return {"feature": self.weights.feature * real.float().mean() * loss}

    def _levels_of(self, image: torch.Tensor) -> Sequence[torch.Tensor]:
        if self._feature_network is not None:
            return self._feature_network(image)
        return self._recognize(image)[0]
