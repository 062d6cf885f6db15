"""Hinge losses (Lim and Ye, "Geometric GAN", 2017; Miyato et al., 2018)."""

import torch
import torch.nn.functional as F


def generator_loss(fake_scores: torch.Tensor) -> torch.Tensor:
    """Compute -mean D(Y), the generator's adversarial loss (claim 2), from scores of any shape."""
    return -fake_scores.mean()


def discriminator_loss(real_scores: torch.Tensor, fake_scores: torch.Tensor) -> torch.Tensor:
    """Compute mean max(0, 1 - D(real)) + mean max(0, 1 + D(Y)): 2 without separation, 0 with perfect separation."""
    return F.relu(1.0 - real_scores).mean() + F.relu(1.0 + fake_scores).mean()
