"""Validation metrics and image sheets on fixed sample groups."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from swapcore.data.groups import FAKE_LABEL, FAKE_TEMPLATE, CropRef, GroupRow, GroupSet
from swapcore.data.guiding import GuideSource
from swapcore.data.sampling import spread
from swapcore.losses.fields import Correspondence, field_metrics
from swapcore.models.artifact import AnyGenerator
from swapcore.models.source import pool_levels
from swapcore.ops.compose import Fields, Guide, Swap
from swapcore.ops.device import autocast
from swapcore.ops.embedding import Recognize, centered
from swapcore.ops.image import Image, encode_sheet, resize, tile, to_images, to_tensor
from swapcore.training.selection import score
from swapcore.training.train_state import Metrics

_BATCH_SIZE = 8
_SHEET_ROWS = 4
"""For each kind of group."""
_MIN_SHEET_PX = 96
_MIN_COPIED_L1 = 1e-3
"""Gray levels; fakes differ less from their labels only if the checks are switched off."""
_UNCHANGED = 2 / 127.5
"""Two gray levels: the largest difference of label and template in the background."""
_BORDER_PX = 9


@dataclass(frozen=True)
class FixedGroups:
    """Sample groups of one kind, without augmentation."""

    source: torch.Tensor
    template: torch.Tensor
    label: torch.Tensor
    """(N, 3, S, S) in [-1, 1]."""
    pooled: torch.Tensor
    """(N, P), pooled recognizer levels of the source."""
    embedding: torch.Tensor
    """(N, D), raw, of the source."""
    source_identity: torch.Tensor
    template_identity: torch.Tensor
    label_identity: torch.Tensor
    """(N, D), centered unit vectors."""
    guide: Guide | None
    """Of the N pairs; None for a generator without guides."""
    known: Correspondence | None
    """Points of known correspondence; None without a guide."""


class ValidationSet:
    """The fixed sample groups on which a training is validated."""

    def __init__(
        self,
        groups: GroupSet,
        *,
        size_px: int,
        limit: int,
        recognize: Recognize,
        precision: str,
        device: torch.device,
        guide: GuideSource | None = None,
    ) -> None:
        """Load the groups, evenly spread over the validation people, or over the training people if there are no others.

        Args:
            groups: the groups artifact.
            size_px: size of the images.
            limit: largest number of groups of each kind.
            recognize: the recognizer of the losses.
            precision: of the generator's forward pass.
            device: of tensors and generator.
            guide: makes guides and known correspondence; None for a generator without guides.
        """
        self.split = "validation" if groups.accepted("validation") else "train"
        self._mean = torch.from_numpy(groups.embedding_mean).to(device)
        self._recognize, self._precision, self._device = recognize, precision, device
        self._guide = guide
        rows = groups.accepted(self.split)
        self._by_kind = {
            kind: self._load(groups, spread([row for row in rows if row.kind == kind], limit), size_px)
            for kind in (FAKE_TEMPLATE, FAKE_LABEL)
            if any(row.kind == kind for row in rows)
        }

    @torch.no_grad()
    def _load(self, groups: GroupSet, rows: list[GroupRow], size_px: int) -> FixedGroups:
        def images(refs: Iterable[CropRef]) -> torch.Tensor:
            return to_tensor(np.stack([resize(groups.crops.image(ref), size_px) for ref in refs])).to(self._device)

        def identities(keys: list[str]) -> torch.Tensor:
            raw = torch.from_numpy(np.stack([groups.embedding(key) for key in keys])).to(self._device)
            return centered(raw, self._mean)

        sources, templates, labels = ([getattr(row, part) for row in rows] for part in ("source", "template", "label"))
        source, template, label = (images(refs) for refs in zip(*map(groups.crops.refs, rows), strict=True))
        levels, embedding = self._recognize(source)
        guide, known = self._correspondence([groups.crops.refs(row) for row in rows])
        return FixedGroups(
            source=source,
            template=template,
            label=label,
            pooled=pool_levels(levels, embedding),
            embedding=embedding,
            source_identity=identities(sources),
            template_identity=identities(templates),
            label_identity=identities(labels),
            guide=guide,
            known=known,
        )

    def _correspondence(
        self, refs: list[tuple[CropRef, CropRef, CropRef]]
    ) -> tuple[Guide | None, Correspondence | None]:
        if self._guide is None:
            return None, None
        source, template, label = (self._guide.unmoved(list(part)) for part in zip(*refs, strict=True))
        rng = np.random.default_rng(0)
        known = self._guide.known(source, label, [rng] * len(refs))
        stacked = (torch.from_numpy(values).to(self._device) for values in known)
        guide = self._guide.guides(source, template)
        return Guide(*(part.to(self._device) for part in guide)), Correspondence(*stacked)

    @torch.no_grad()
    def evaluate(self, generator: AnyGenerator, sheet: Path) -> Metrics:
        """Swap all groups, write the image sheet and compute the metrics.

        - label_l1: mean |Y1 - L|, gray levels, on groups with a real label; label_l1_of_copied: the same over |T~ - L|.
        - identity_source, identity_template: cosine of f(Y2) to f(S2) and f(T), on groups with a real template;
          teacher_…: the same of the teacher's fakes; copied_identity_source: cosine of f(T) to f(S2), the value of copying.
        - change: mean |Y - T| over mean |label - T|; distance_to_source: mean |Y - S| over mean |T - S|; background_l1:
          mean |Y - T|, gray levels, where template and label agree. Over all groups.
        - painted, from_template, flow_px: see ``field_metrics``; of the field generator only.
        - score: see ``selection.score``.

        Args:
            generator: in eval mode.
            sheet: PNG file to write; rows are groups, columns source, template, label, image before the mask, mask, output.

        Returns:
            The metrics, names prefixed by the split.
        """
        metrics: Metrics = {}
        rows: list[list[Image]] = []
        differences, shares = [], []
        for kind, groups in self._by_kind.items():
            swap = self._swap(generator, groups)
            rows += _sheet_rows(groups, swap)
            metrics |= _label_metrics(groups, swap) if kind == FAKE_TEMPLATE else self._identity_metrics(groups, swap)
            differences.append(_differences(groups, swap))
            shares.append(_field_metrics(groups, swap))
        metrics |= _copying_metrics(torch.stack(differences).sum(0).tolist())
        metrics |= {name: float(np.mean([each[name] for each in shares])) for name in shares[0]}
        value = score(metrics)
        metrics |= {} if value is None else {"score": value}
        sheet.parent.mkdir(exist_ok=True)
        sheet.write_bytes(encode_sheet(tile(rows, max(_MIN_SHEET_PX, rows[0][0].shape[0]))))
        return {f"{self.split}/{name}": value for name, value in metrics.items()}

    def _swap(self, generator: AnyGenerator, groups: FixedGroups) -> Swap:
        parts = []
        for first in range(0, len(groups.source), _BATCH_SIZE):
            rows = slice(first, first + _BATCH_SIZE)
            description = generator.description(groups.pooled[rows], groups.embedding[rows])
            guide = None if groups.guide is None else Guide(*(part[rows] for part in groups.guide))
            with autocast(self._device, self._precision):
                parts.append(generator(groups.source[rows], groups.template[rows], description, guide))
        fields = [swap.fields for swap in parts if swap.fields is not None]
        image, raw, mask = (torch.cat(images) for images in zip(*(swap[:3] for swap in parts), strict=True))
        return Swap(image, raw, mask, Fields(*map(torch.cat, zip(*fields, strict=True))) if fields else None)

    def _identity_metrics(self, groups: FixedGroups, swap: Swap) -> Metrics:
        metrics = {}
        for prefix, identity in (("", self._identities(swap.image)), ("teacher_", groups.label_identity)):
            metrics[f"{prefix}identity_source"] = float((identity * groups.source_identity).sum(1).mean())
            metrics[f"{prefix}identity_template"] = float((identity * groups.template_identity).sum(1).mean())
        copied = (groups.template_identity * groups.source_identity).sum(1).mean()
        return metrics | {"copied_identity_source": float(copied)}

    def _identities(self, images: torch.Tensor) -> torch.Tensor:
        raw = torch.cat([self._recognize(part)[1] for part in torch.split(images, _BATCH_SIZE)])
        return centered(raw, self._mean)


def _label_metrics(groups: FixedGroups, swap: Swap) -> Metrics:
    error = float((swap.image - groups.label).abs().mean()) * 127.5
    copied = float((groups.template - groups.label).abs().mean()) * 127.5
    return {"label_l1": error, "label_l1_of_copied": error / max(copied, _MIN_COPIED_L1)}


def _field_metrics(groups: FixedGroups, swap: Swap) -> Metrics:
    if swap.fields is None or groups.guide is None or groups.known is None:
        return {}
    return field_metrics(swap.fields, groups.guide, groups.known)


def _differences(groups: FixedGroups, swap: Swap) -> torch.Tensor:
    """Sum absolute differences over all groups.

    Returns:
        (6,): output-template, label-template, output-source, template-source, output-template in the background, and the number of
        values in the background.
    """
    changed = (groups.label - groups.template).abs().amax(1, keepdim=True) > _UNCHANGED
    near = F.max_pool2d(changed.float(), _BORDER_PX, 1, _BORDER_PX // 2)  # excludes the soft border of a mask
    background = (1.0 - near).expand_as(groups.label)
    pairs = [(swap.image, groups.template), (groups.label, groups.template),
             (swap.image, groups.source), (groups.template, groups.source)]  # fmt: skip
    sums = [(first - second).abs().sum() for first, second in pairs]
    damage = ((swap.image - groups.template).abs() * background).sum()
    return torch.stack([*sums, damage, background.sum()]).cpu().double()


def _copying_metrics(sums: list[float]) -> Metrics:
    changed, wanted, from_source, apart, damage, num_background = sums
    metrics = {"change": changed / max(wanted, 1e-9), "distance_to_source": from_source / max(apart, 1e-9)}
    return metrics | ({"background_l1": damage / num_background * 127.5} if num_background else {})


def _sheet_rows(groups: FixedGroups, swap: Swap) -> list[list[Image]]:
    mask = swap.mask.expand(-1, 3, -1, -1) * 2.0 - 1.0
    columns = [groups.source, groups.template, groups.label, swap.raw, mask, swap.image]
    chosen = spread(list(range(len(groups.source))), _SHEET_ROWS)
    images = [to_images(column[chosen]) for column in columns]
    return [[column[row] for column in images] for row in range(len(chosen))]
