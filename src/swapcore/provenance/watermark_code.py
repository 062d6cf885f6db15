"""Error-correcting code of the watermark.

28 bits and a checksum are sent in six words of a Reed-Muller code.

RM(1, 6) encodes 7 bits in 64 chips of +1 and -1 with a minimum distance of 32. One Hadamard product decodes it from soft
values. The checksum of 14 bits rejects noise.
"""

import zlib

import numpy as np
import numpy.typing as npt
import scipy.linalg

NUM_WORDS = 6
WORD_BITS = 7
NUM_CHIPS = NUM_WORDS * 64
PAYLOAD_BITS = 28
_CHECK_BITS = NUM_WORDS * WORD_BITS - PAYLOAD_BITS
_HADAMARD = scipy.linalg.hadamard(64).astype(np.float64)


def _checksum(payload: int) -> int:
    return zlib.crc32(payload.to_bytes(4, "big")) & ((1 << _CHECK_BITS) - 1)


def to_chips(payload: int) -> npt.NDArray[np.float64]:
    """Encode a payload (0 <= payload < 2**28) as (384,) chips of +1 and -1, with interleaved words."""
    if not 0 <= payload < 1 << PAYLOAD_BITS:
        raise ValueError(f"payload {payload} has more than {PAYLOAD_BITS} bits")
    message = payload << _CHECK_BITS | _checksum(payload)
    words = [message >> WORD_BITS * place & 127 for place in range(NUM_WORDS)]
    chips = np.stack([_HADAMARD[word & 63] * (1 - 2 * (word >> 6)) for word in words])
    return np.asarray(chips.T.reshape(-1), dtype=np.float64)


def from_chips(soft: npt.NDArray[np.float64]) -> int | None:
    """Decode (384,) soft chips of any scale to the most likely payload; None if the checksum does not match."""
    likeness = soft.reshape(64, NUM_WORDS).T @ _HADAMARD
    best = np.abs(likeness).argmax(axis=1)
    negative = likeness[np.arange(NUM_WORDS), best] < 0
    message = sum(
        int(b) + 64 * int(n) << WORD_BITS * place for place, (b, n) in enumerate(zip(best, negative, strict=True))
    )
    payload, check = message >> _CHECK_BITS, message & ((1 << _CHECK_BITS) - 1)
    return payload if check == _checksum(payload) else None
