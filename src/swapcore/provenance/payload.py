"""The 28 bits of a watermark: form, action, and the first 24 bits of the model's digest, by which its card can be found."""

from dataclasses import dataclass

from swapcore.provenance.facts import ACTIONS, Action, Provenance

_FORM = 0
"""Two bits; other forms are for later versions."""
_DIGEST_DIGITS = 6


@dataclass(frozen=True)
class Payload:
    """What a watermark says."""

    action: Action
    model: str
    """The first six hex digits of the model's digest."""


def to_bits(provenance: Provenance) -> int:
    """Provenance to 28 bits."""
    return _FORM << 26 | ACTIONS.index(provenance.action) << 24 | int(provenance.model.digest[:_DIGEST_DIGITS], 16)


def from_bits(bits: int) -> Payload | None:
    """28 bits to what they say; None for a form or an action that this version does not know."""
    form, action, model = bits >> 26, bits >> 24 & 3, bits & 0xFFFFFF
    if form != _FORM or action >= len(ACTIONS):
        return None
    return Payload(ACTIONS[action], f"{model:0{_DIGEST_DIGITS}x}")
