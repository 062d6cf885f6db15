"""The adversarial losses in their hinge form (Lim and Ye, "Geometric GAN", 2017; Miyato et al., 2018)."""

import torch
import torch.nn.functional as F


def generator_loss(fake_scores: torch.Tensor) -> torch.Tensor:
    """-mean D(Y): the swapped images should be taken for photographs (claim 2)."""
    return -fake_scores.mean()


def discriminator_loss(real_scores: torch.Tensor, fake_scores: torch.Tensor) -> torch.Tensor:
    """mean max(0, 1 - D(photograph)) + mean max(0, 1 + D(Y)); 2 where nothing is told apart, 0 where all is."""
    return F.relu(1.0 - real_scores).mean() + F.relu(1.0 + fake_scores).mean()
