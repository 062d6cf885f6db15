"""Total loss of the generator, as weighted and named terms."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from swapcore.config import LossWeights
from swapcore.losses.adversarial import generator_loss
from swapcore.losses.expression import Measure, expression_loss
from swapcore.losses.feature import feature_loss
from swapcore.losses.fields import Correspondence, edges, field_terms
from swapcore.losses.identity import source_identity_loss, template_identity_loss
from swapcore.losses.jitter import Jitter, apply_jitter
from swapcore.losses.pixel import change_weight, pixel_loss
from swapcore.ops.compose import Guide, Swap
from swapcore.ops.embedding import Levels, Recognize, centered

Terms = dict[str, torch.Tensor]
"""Name of a term -> weighted scalar; the total loss is their sum."""
ALL_ROWS = slice(None)


@dataclass(frozen=True)
class Targets:
    """What the outputs of a batch are compared with."""

    label: torch.Tensor
    """(B, 3, S, S) in [-1, 1]: a real image, or the teacher's fake."""
    template: torch.Tensor
    """(B, 3, S, S) in [-1, 1]."""
    num_fake_labels: int
    """Number of rows with a fake label, which come first; in host memory, so that no step waits for the device to know it."""
    source_identity: torch.Tensor
    """(B, D), centered unit vectors."""
    template_identity: torch.Tensor
    """(B, D), centered unit vectors."""
    view: torch.Tensor
    """(B, 2, 3), see ``apply_jitter``: the crop aligned by the label's own landmarks, as a recognizer needs it."""

    @property
    def is_fake_label(self) -> torch.Tensor:
        """Which rows have a fake label, bool (B,)."""
        return torch.arange(len(self.label), device=self.label.device) < self.num_fake_labels

    def select(self, rows: slice) -> "Targets":
        """Return the targets of some samples."""
        return Targets(
            self.label[rows], self.template[rows], len(range(self.num_fake_labels)[rows]),
            self.source_identity[rows], self.template_identity[rows], self.view[rows],
        )  # fmt: skip


@dataclass(frozen=True)
class FieldTargets:
    """What the fields of a batch of swaps are compared with."""

    guide: Guide
    known: Correspondence


class SwapLoss:
    """Losses of the generator (claims 2 to 6)."""

    def __init__(
        self,
        weights: LossWeights,
        recognize: Recognize,
        embedding_mean: torch.Tensor,
        num_feature_levels: int,
        feature_network: Levels | None,
        measure: Measure | None = None,
    ) -> None:
        """Bind the losses to their networks.

        Args:
            weights: of the terms; 0 omits a term.
            recognize: frozen recognizer of the identity losses, and of the feature loss if feature_network is None.
            embedding_mean: (D,), mean raw embedding of the training people.
            num_feature_levels: number of levels that the feature loss compares, from the first.
            feature_network: frozen network of the feature loss; None for the recognizer.
            measure: frozen network of the expression loss; None without one.
        """
        self.weights = weights
        self._recognize = recognize
        self._embedding_mean = embedding_mean
        self._num_levels = num_feature_levels
        self._feature_network = feature_network
        self._measure = measure

    def __call__(
        self,
        swap: Swap,
        targets: Targets,
        *,
        fields: FieldTargets | None = None,
        jitter: Jitter,
        use_raw: bool,
        frozen_rows: slice = ALL_ROWS,
    ) -> Terms:
        """Compute all terms except the adversarial one.

        Args:
            swap: the composite and the image before the mask. The pixel loss uses both: with the composite alone, a mask that selects
                the template everywhere has a low loss from the beginning, and the image before the mask gets no gradient.
            targets: what they are compared with.
            fields: targets of the fields, if the swap has fields.
            jitter: transforms before the frozen networks, equal for output and label.
            use_raw: whether identity and feature losses use the image before the mask instead of the composite.
            frozen_rows: samples for which the frozen networks run; at small sizes these cost as much as the generator.
        """
        image, raw = swap.image, swap.raw
        terms = self._pixel_terms(image, raw, targets)
        if self.weights.expression and self._measure is not None:
            terms |= self._expression_terms(self._measure, image[frozen_rows], targets.select(frozen_rows))
        if swap.fields is not None and fields is not None:
            terms |= field_terms(self.weights, swap.fields, fields.guide, fields.known)
        if self.weights.feature or self.weights.identity_source or self.weights.identity_template:
            some, jitter = targets.select(frozen_rows), jitter.select(frozen_rows)
            output = apply_jitter((raw if use_raw else image)[frozen_rows], jitter, some.view)
            with torch.no_grad():
                label = apply_jitter(some.label, jitter, some.view)
            levels, embedding = self._recognize(output)
            terms |= self._identity_terms(embedding, some)
            terms |= self._feature_terms(output, label, levels, some)
        return terms

    def adversarial(self, scores: torch.Tensor) -> Terms:
        """Compute the adversarial term from the discriminator's scores of the composite."""
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

    def _expression_terms(self, measure: Measure, image: torch.Tensor, targets: Targets) -> Terms:
        """Compare with the real label, or with the template, since a fake label has the teacher's expression."""
        wanted = torch.where(targets.is_fake_label[:, None, None, None], targets.template, targets.label)
        return {"expression": self.weights.expression * expression_loss(measure, image, wanted)}

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
        self, output: torch.Tensor, label: torch.Tensor, levels: Sequence[torch.Tensor], targets: Targets
    ) -> Terms:
        """Compare groups with a real label only: the texture of a fake label is the teacher's (claim 4)."""
        if not self.weights.feature:
            return {}
        num, first = len(output), targets.num_fake_labels
        if first == num:  # the term must exist, since processes and parts of a batch average their terms
            return {"feature": output.new_zeros((), dtype=torch.float32)}
        if self._feature_network is not None:
            levels = self._feature_network(output)
        with torch.no_grad():
            wanted = self._levels_of(label[first:])[: self._num_levels]
        loss = feature_loss([level[first:] for level in levels[: self._num_levels]], wanted)
        return {"feature": self.weights.feature * (num - first) / num * loss}

    def _levels_of(self, image: torch.Tensor) -> Sequence[torch.Tensor]:
        if self._feature_network is not None:
            return self._feature_network(image)
        return self._recognize(image)[0]
