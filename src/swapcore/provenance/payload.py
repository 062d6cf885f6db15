"""Payload of the watermark: version, action, and the model's digest."""

from dataclasses import dataclass

from swapcore.provenance.facts import ACTIONS, Action, Provenance

_VERSION = 0
"""Two bits."""
_DIGEST_DIGITS = 6


@dataclass(frozen=True)
class Payload:
    """Content of a watermark."""

    action: Action
    model: str
    """First six hex digits of the model's digest, which lead to its card."""


def to_bits(provenance: Provenance) -> int:
    """Encode provenance as 28 bits."""
    return _VERSION << 26 | ACTIONS.index(provenance.action) << 24 | int(provenance.model.digest[:_DIGEST_DIGITS], 16)


def from_bits(bits: int) -> Payload | None:
    """Decode 28 bits; None for an unknown version or action."""
    version, action, model = bits >> 26, bits >> 24 & 3, bits & 0xFFFFFF
    if version != _VERSION or action >= len(ACTIONS):
        return None
    return Payload(ACTIONS[action], f"{model:0{_DIGEST_DIGITS}x}")
