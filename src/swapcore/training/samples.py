"""Fixed sample groups, best of validation people: their figures and picture sheets while training goes on."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from swapcore.data.groups import FAKE_LABEL, FAKE_TEMPLATE, Cut, GroupRow, GroupSet
from swapcore.data.guiding import UNMOVED, GuideSource
from swapcore.data.sampling import spread
from swapcore.losses.fields import Correspondence, field_metrics
from swapcore.models.artifact import AnyGenerator
from swapcore.models.source import Recognize, pool_levels
from swapcore.ops.compose import Fields, Guide, Swap
from swapcore.ops.device import autocast
from swapcore.ops.embedding import centered
from swapcore.ops.image import Image, encode_sheet, resize, tile, to_images, to_tensor
from swapcore.training.selection import score
from swapcore.training.train_state import Metrics

_BATCH_SIZE = 8
_SHEET_ROWS = 4
"""Of each kind of group."""
_MIN_SHEET_PX = 96
_LEAST = 1e-3
"""Gray levels: less do fakes differ from their labels only where checks let through what a teacher left alone."""
_AGREES = 2 / 127.5
"""Two gray levels: what label and template may differ by where nothing was swapped."""
_BORDER_PX = 9


@dataclass(frozen=True)
class SampleGroups:
    """Sample groups of one kind, unvaried."""

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
    """Of N pairs; None where the generator takes none."""
    known: Correspondence | None
    """Points of known correspondence; None without a guide."""


class Samples:
    """The fixed sample groups of a run, and what they are judged by."""

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
        """Choose at most ``limit`` groups of each kind, evenly spread; of training people if there is nobody else."""
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
    def _load(self, groups: GroupSet, rows: list[GroupRow], size_px: int) -> SampleGroups:
        def images(cuts: Iterable[Cut]) -> torch.Tensor:
            return to_tensor(np.stack([resize(groups.pictures.image(cut), size_px) for cut in cuts])).to(self._device)

        def identities(keys: list[str]) -> torch.Tensor:
            raw = torch.from_numpy(np.stack([groups.embedding(key) for key in keys])).to(self._device)
            return centered(raw, self._mean)

        sources, templates, labels = ([getattr(row, part) for row in rows] for part in ("source", "template", "label"))
        pictures, shown, wanted = (images(cuts) for cuts in zip(*map(groups.pictures.cuts, rows), strict=True))
        levels, embedding = self._recognize(pictures)
        guide, known = self._correspondence([groups.pictures.cuts(row) for row in rows])
        return SampleGroups(
            source=pictures,
            template=shown,
            label=wanted,
            pooled=pool_levels(levels, embedding),
            embedding=embedding,
            source_identity=identities(sources),
            template_identity=identities(templates),
            label_identity=identities(labels),
            guide=guide,
            known=known,
        )

    def _correspondence(self, cuts: list[tuple[Cut, Cut, Cut]]) -> tuple[Guide | None, Correspondence | None]:
        if self._guide is None:
            return None, None
        guide = self._guide.guides([(source, UNMOVED, template, UNMOVED) for source, template, _ in cuts])
        rng = np.random.default_rng(0)
        known = [self._guide.known(source, UNMOVED, label, UNMOVED, rng) for source, _, label in cuts]
        stacked = (torch.from_numpy(np.stack(values)).to(self._device) for values in zip(*known, strict=True))
        return Guide(*(part.to(self._device) for part in guide)), Correspondence(*stacked)

    @torch.no_grad()
    def judge(self, generator: AnyGenerator, sheet: Path) -> Metrics:
        """Swap all sample groups, write the picture sheet, and give the figures, named by the split they come from.

        - label_l1: mean |Y1 - L|, gray levels, on groups with a real label; label_l1_of_copied: its share of |T~ - L|.
        - identity_source, identity_template: cos of f(Y2) to f(S2) and f(T), on groups with a real template;
          teacher_…: those of the teacher's own fakes; copied_identity_source: cos of f(T) to f(S2), what copying scores.
        - change: mean |Y - T| over mean |label - T|; distance_to_source: mean |Y - S| over mean |T - S|; background_l1:
          mean |Y - T|, gray levels, where template and label agree. Over all groups.
        - painted, from_template, flow_px: see ``field_metrics``; of the field generator only.
        - score: see ``selection.score``.
        """
        figures: Metrics = {}
        rows: list[list[Image]] = []
        distances, shares = [], []
        for kind, groups in self._by_kind.items():
            swap = self._swap(generator, groups)
            rows += _sheet_rows(groups, swap)
            figures |= self._label_figures(groups, swap) if kind == FAKE_TEMPLATE else self._identity(groups, swap)
            distances.append(_distances(groups, swap))
            shares.append(_field_metrics(groups, swap))
        figures |= _copying(torch.stack(distances).sum(0).tolist())
        figures |= {name: float(np.mean([each[name] for each in shares])) for name in shares[0]}
        value = score(figures)
        figures |= {} if value is None else {"score": value}
        sheet.parent.mkdir(exist_ok=True)
        sheet.write_bytes(encode_sheet(tile(rows, max(_MIN_SHEET_PX, rows[0][0].shape[0]))))
        return {f"{self.split}/{name}": value for name, value in figures.items()}

    def _swap(self, generator: AnyGenerator, groups: SampleGroups) -> Swap:
        parts = []
        for first in range(0, len(groups.source), _BATCH_SIZE):
            chosen = slice(first, first + _BATCH_SIZE)
            description = generator.description(groups.pooled[chosen], groups.embedding[chosen])
            guide = None if groups.guide is None else Guide(*(part[chosen] for part in groups.guide))
            with autocast(self._device, self._precision):
                parts.append(generator(groups.source[chosen], groups.template[chosen], description, guide))
        fields = [swap.fields for swap in parts if swap.fields is not None]
        image, raw, mask = (torch.cat(images) for images in zip(*(swap[:3] for swap in parts), strict=True))
        return Swap(image, raw, mask, Fields(*map(torch.cat, zip(*fields, strict=True))) if fields else None)

    def _label_figures(self, groups: SampleGroups, swap: Swap) -> Metrics:
        error = float((swap.image - groups.label).abs().mean()) * 127.5
        copied = float((groups.template - groups.label).abs().mean()) * 127.5
        return {"label_l1": error, "label_l1_of_copied": error / max(copied, _LEAST)}

    def _identity(self, groups: SampleGroups, swap: Swap) -> Metrics:
        figures = {}
        for who, identity in (("", self._identities(swap.image)), ("teacher_", groups.label_identity)):
            figures[f"{who}identity_source"] = float((identity * groups.source_identity).sum(1).mean())
            figures[f"{who}identity_template"] = float((identity * groups.template_identity).sum(1).mean())
        copied = (groups.template_identity * groups.source_identity).sum(1).mean()
        return figures | {"copied_identity_source": float(copied)}

    def _identities(self, images: torch.Tensor) -> torch.Tensor:
        raw = torch.cat([self._recognize(part)[1] for part in torch.split(images, _BATCH_SIZE)])
        return centered(raw, self._mean)


def _field_metrics(groups: SampleGroups, swap: Swap) -> Metrics:
    if swap.fields is None or groups.guide is None or groups.known is None:
        return {}
    return field_metrics(swap.fields, groups.guide, groups.known)


def _distances(groups: SampleGroups, swap: Swap) -> torch.Tensor:
    """Sums (6,) of absolute differences: output-template, label-template, output-source, template-source; then of
    output-template over the background alone, and that background's number of values."""
    changed = (groups.label - groups.template).abs().amax(1, keepdim=True) > _AGREES
    near = F.max_pool2d(changed.float(), _BORDER_PX, 1, _BORDER_PX // 2)  # a mask's soft border is no background
    background = (1.0 - near).expand_as(groups.label)
    pairs = [(swap.image, groups.template), (groups.label, groups.template),
             (swap.image, groups.source), (groups.template, groups.source)]  # fmt: skip
    sums = [(first - second).abs().sum() for first, second in pairs]
    damage = ((swap.image - groups.template).abs() * background).sum()
    return torch.stack([*sums, damage, background.sum()]).cpu().double()


def _copying(sums: list[float]) -> Metrics:
    changed, wanted, from_source, apart, damage, num_background = sums
    figures = {"change": changed / max(wanted, 1e-9), "distance_to_source": from_source / max(apart, 1e-9)}
    return figures | ({"background_l1": damage / num_background * 127.5} if num_background else {})


def _sheet_rows(groups: SampleGroups, swap: Swap) -> list[list[Image]]:
    """source | template | label | before the mask | mask | output."""
    mask = swap.mask.expand(-1, 3, -1, -1) * 2.0 - 1.0
    columns = [groups.source, groups.template, groups.label, swap.raw, mask, swap.image]
    chosen = spread(list(range(len(groups.source))), _SHEET_ROWS)
    pictures = [to_images(column[chosen]) for column in columns]
    return [[column[row] for column in pictures] for row in range(len(chosen))]
