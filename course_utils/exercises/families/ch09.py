"""Other forms of chapter 9's exercises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from course_utils.exercises.ch09 import DROP
from course_utils.exercises.core import Family, Mistake
from course_utils.exercises.families.pieces import as_in_the_book, behind, kept

# --- 09.1: what p is the probability of, and when the scale comes -----------------------------


def _to_dropped(x, mask, q, training):
    return x, mask, 1 - q, training


KEEP = replace(
    DROP,
    title="Dropout, by the probability of keeping",
    cases=lambda rng: [_to_dropped(*case) for case in DROP.cases(rng)],
    oracle=lambda *case: DROP.oracle(*_to_dropped(*case)),
    mistakes=(
        as_in_the_book(
            DROP,
            "You divide by 1 minus the argument, as if it were the probability of being dropped. "
            "Here it is the probability of being kept.",
        ),
        *behind(
            _to_dropped,
            kept(DROP, "no scale", "multiplied", "mask turned over", "drops in use too"),
        ),
        Mistake(
            "scaled after training instead",
            lambda x, mask, q, training: np.where(mask, x, 0.0) if training else x * q,
            "That is the original dropout, which scales after training. Inverted dropout scales "
            "during training, so that nothing is left to do later.",
        ),
    ),
)


def _scaled_in_use(x, mask, p, training):
    """Chosen and scaled by PyTorch's own operations."""
    values = torch.tensor(x)
    if training:
        return values.masked_fill(torch.tensor(~mask), 0.0).numpy()
    return values.lerp(torch.zeros_like(values), p).numpy()


def _original(in_training=lambda p: 1, in_use=lambda p: 1 - p, *, turned=False, always=False):
    def drop(x, mask, p, training):
        if training or always:
            return np.where(mask != turned, x * in_training(p), 0.0)
        return x * in_use(p)

    return drop


ORIGINAL = replace(
    DROP,
    title="Dropout as it was first published",
    trains="the original dropout, scaled in use",
    oracle=_scaled_in_use,
    mistakes=(
        as_in_the_book(
            DROP,
            "That is inverted dropout, which scales during training. Here training leaves the "
            "kept entries as they are, and the scale comes in use.",
        ),
        Mistake(
            "no scale",
            _original(in_use=lambda p: 1),
            "In use all units work at once, and the sums of the next layer are larger than it "
            "ever saw in training. A scale must make up for it.",
        ),
        Mistake(
            "the wrong probability",
            _original(in_use=lambda p: p),
            "You multiply by the probability of being dropped. An entry was there in training "
            "with the probability of being kept.",
        ),
        Mistake(
            "divided",
            _original(in_use=lambda p: 1 / (1 - p)),
            "You make the entries larger in use. In training some of them were missing, so that "
            "the sums were smaller.",
        ),
        Mistake(
            "scaled twice",
            _original(in_training=lambda p: 1 / (1 - p)),
            "You scale in training and again in use. Once is enough.",
        ),
        Mistake(
            "mask turned over",
            _original(turned=True),
            "You drop the entries at which the mask is True. Here True means kept.",
        ),
        Mistake(
            "drops in use too",
            _original(always=True),
            "You drop entries whether the network is training or not. In use every unit works.",
        ),
    ),
)

FAMILIES = (
    Family(book="inverted", members={"inverted": DROP, "keep": KEEP, "original": ORIGINAL}),
)
