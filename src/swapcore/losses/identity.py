"""Identity losses: similarity to the source, dissimilarity to the template."""

import torch

from swapcore.ops.embedding import cosine


def source_identity_loss(output: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    """Compute the mean of 1 - cos(f(Y), f(S)) over both kinds of groups (claim 5), in [0, 2].

    Args:
        output: f(Y), centered unit vectors (B, D).
        source: f(S), the same.
    """
    return (1.0 - cosine(output, source)).mean()


def template_identity_loss(output: torch.Tensor, source: torch.Tensor, template: torch.Tensor) -> torch.Tensor:
    """Compute the mean of |cos(f(Y), f(T)) - cos(f(S), f(T))| over both kinds of groups (claim 6), in [0, 2].

    Args:
        output: f(Y), centered unit vectors (B, D).
        source: f(S), the same.
        template: f(T), or f(T~) if the template is a fake; the same.
    """
    return (cosine(output, template) - cosine(source, template)).abs().mean()
