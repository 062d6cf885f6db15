"""What the generator is told of every training source: the recognizer runs once for each, before the first step."""

import torch

from swapcore.data.sampling import GroupSampler
from swapcore.models.source import Recognize, SourceDescription, pool_levels
from swapcore.progress import progress

_BATCH_SIZE = 16


@torch.no_grad()
def describe_sources(
    description: SourceDescription,
    sampler: GroupSampler,
    recognize: Recognize,
    embedding_mean: torch.Tensor,
    device: torch.device,
) -> torch.Tensor:
    """Fit the description's normalization to the sampler's sources and give theirs, (N, P + D).

    The batches are always the same, since a network's last bits may depend on them.
    """
    pooled, embeddings = [], []
    for first in progress(range(0, len(sampler.sources), _BATCH_SIZE), "describe"):
        levels, embedding = recognize(sampler.source_images(first, first + _BATCH_SIZE).to(device))
        pooled.append(pool_levels(levels, embedding))
        embeddings.append(embedding.float())
    description.fit(torch.cat(pooled), embedding_mean)
    described: torch.Tensor = description(torch.cat(pooled), torch.cat(embeddings))
    return described
