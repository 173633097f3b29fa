"""Sounds that are made, not recorded: whistled glides and sung vowels, with random settings.

Four classes are *glides*: a whistle that rises, falls, or does one after the other. Six are sung
*vowels* of two formants (resonances): a, i, u, and ai, ia, au, which move from one vowel to the
next. A class is told by how frequencies move and by their ratios, not by the frequencies
themselves: pitch, start, length, loudness and noise are drawn at random for every sound.

The formants are men's averages of Peterson and Barney (1952), "Control methods used in a study of
the vowels", the first two only. A real vowel has more of them, and a real voice more kinds of
noise: what a network does on these sounds says little about speech.  Taught in chapter 20.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

RATE = 8000  # samples a second, of all sounds here
SAMPLES = 4800  # in a made sound: 0.6 s
GLIDES = ("rise", "fall", "rise-fall", "fall-rise")
VOWELS = ("a", "i", "u", "ai", "ia", "au")
CLASSES = (*GLIDES, *VOWELS)
FORMANTS = {"a": (730.0, 1090.0), "i": (270.0, 2290.0), "u": (300.0, 870.0)}  # Hz
BANDWIDTH = 90.0  # Hz, of each formant
WHISTLE, VOICE = 500.0, 130.0  # Hz: the pitch in the middle of the range
SPAN = 7.0  # semitones that a glide covers
JITTER = 3.0  # semitones: a sound's own pitch, to either side, whatever the voice
LATEST = SAMPLES / RATE - 0.3  # s: the longest sound still ends in time
FADE = 0.02  # s, at both ends of a sound
HIGHEST = 3700.0  # Hz: nothing is made above, so that nothing folds back at RATE / 2

Range = tuple[float, float]
Loudness = Callable[[np.ndarray, int], Any]  # of a frequency (n,) in Hz and its number, from 1


@dataclass(frozen=True, eq=False, repr=False)
class Sounds:
    """Labelled sounds of one length.

    `waves` is (N, T) float32, mostly within -1 to 1, with `rate` samples a second; `labels` is
    (N,) int64 and counts from 0; `classes` names what a label means; `source` says where the
    sounds come from; `voices` names the speaker of each, where there are speakers.
    Taught in chapter 20.
    """

    waves: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    source: str
    rate: int = RATE
    voices: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        seconds = self.waves.shape[1] / self.rate
        return (
            f"{len(self):,} sounds of {seconds:g} s at {self.rate:,} Hz, "
            f"{len(self.classes)} classes ({self.source})"
        )

    def tensors(self, device: str | torch.device = "cpu") -> tuple[torch.Tensor, torch.Tensor]:
        """Return the waves, (N, 1, T) float32, and the labels, (N,) int64, on `device`."""
        import torch

        waves = torch.tensor(self.waves, dtype=torch.float32, device=device)
        return waves[:, None], torch.tensor(self.labels, dtype=torch.int64, device=device)


def made_sounds(
    count: int,
    *,
    seed: int = 0,
    start: Range = (0.13, 0.17),
    pitch: Range = (-1.0, 1.0),
    noise: Range = (-3.0, 3.0),
) -> Sounds:
    """Make `count` sounds of 0.6 s, as many of each class as that allows, in random order.

    Parameters
    ----------
    count
        How many.
    seed
        The same seed gives the same sounds. With other ranges it gives the same sounds too, but
        for what the ranges set: later, higher or noisier ones.
    start
        Lowest and highest time in s at which a sound begins; the latest leaves 0.3 s for it.
    pitch
        Lowest and highest number of semitones by which *all* frequencies of a sound are raised,
        formants included: how much smaller the singer is.
    noise
        Lowest and highest power of the white noise in dB, relative to the sound's.

    Raises
    ------
    ValueError
        If `count` is not a whole number of at least 1, or a range is not two numbers in order or
        leaves the sound no place.

    Taught in chapter 20.
    """
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
        raise ValueError(f"count must be a whole number of at least 1, got {count!r}")
    ranges = {"start": start, "pitch": pitch, "noise": noise}
    for name, limits in ranges.items():
        _check_range(name, limits)
    if start[0] < 0 or start[1] > LATEST:
        raise ValueError(f"a sound begins between 0 and 0.3 s, got start={start!r}")
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % len(CLASSES))
    waves = np.empty((count, SAMPLES), np.float32)
    for row, label in enumerate(labels):
        # A generator of its own for every sound, so that the ranges do not move the other draws.
        waves[row] = _one_sound(CLASSES[label], np.random.default_rng([seed, row]), **ranges)
    return Sounds(waves, labels.astype(np.int64), CLASSES, "made by the course")


def _check_range(name: str, limits: Range) -> None:
    try:
        low, high = (float(value) for value in limits)
    except (TypeError, ValueError):
        low, high = 1.0, 0.0
    if not (np.isfinite([low, high]).all() and low <= high):
        raise ValueError(f"{name} must be two numbers in order, got {limits!r}")


def _one_sound(
    name: str, rng: np.random.Generator, start: Range, pitch: Range, noise: Range
) -> np.ndarray:
    """One sound with its noise, (SAMPLES,)."""
    u = rng.random(6)
    seconds = 0.22 + 0.08 * u[0]
    semitones = _between(pitch, u[1])
    own = JITTER * (2 * u[2] - 1)
    clean = glide(name, seconds, semitones + own) if name in GLIDES else None
    if clean is None:
        clean = vowel(name, seconds, semitones, own)
    clean = clean / np.sqrt(np.mean(clean**2))
    first = round(_between(start, u[3]) * RATE)
    hiss = 10 ** (_between(noise, u[4]) / 20) * rng.normal(size=SAMPLES)
    hiss[first : first + len(clean)] += clean
    return hiss * 0.1 * 10 ** (u[5] - 0.5)  # loudness: -10 to 10 dB around 0.1


def _between(limits: Range, share: float) -> float:
    return limits[0] + (limits[1] - limits[0]) * share


def glide(name: str, seconds: float = 0.25, semitones: float = 0.0) -> np.ndarray:
    """A whistle of two harmonics without noise, (seconds * 8000,), by the name of its class.

    It covers 7 semitones around 500 Hz, raised by `semitones`.

    Raises
    ------
    ValueError
        If the name is none of `GLIDES`, or `seconds` is not positive.

    Taught in chapter 20.
    """
    if name not in GLIDES:
        raise ValueError(f"{name!r} is no glide; expected one of {', '.join(GLIDES)}")
    t = _times(seconds)
    path = t if name in ("rise", "fall") else 1 - np.abs(2 * t - 1)  # 0 to 1, or there and back
    path = (1 if name in ("rise", "rise-fall") else -1) * (path - 0.5)
    frequency = WHISTLE * 2 ** ((SPAN * path + semitones) / 12)
    return _harmonics(frequency, lambda f, k: 4.0 ** (1 - k), 2)


def vowel(
    name: str, seconds: float = 0.25, semitones: float = 0.0, voice: float = 0.0
) -> np.ndarray:
    """A sung vowel of two formants without noise, (seconds * 8000,), by the name of its class.

    `semitones` raises all its frequencies, `voice` only its pitch, 130 Hz, and not its formants.

    Raises
    ------
    ValueError
        If the name is none of `VOWELS`, or `seconds` is not positive.

    Taught in chapter 20.
    """
    if name not in VOWELS:
        raise ValueError(f"{name!r} is no vowel; expected one of {', '.join(VOWELS)}")
    t = _times(seconds)
    share = 1 / (1 + np.exp(-12 * (t - 0.5)))  # the move from the first vowel to the last
    scale = 2 ** (semitones / 12)
    ends = np.array([FORMANTS[name[0]], FORMANTS[name[-1]]])  # (2 ends, 2 formants)
    formants = scale * (ends[0][:, None] * (1 - share) + ends[1][:, None] * share)
    frequency = VOICE * 2 ** ((semitones + voice - t) / 12)  # a voice sinks a little

    def loudness(f: np.ndarray, k: int) -> np.ndarray:
        away = (f - formants) / (scale * BANDWIDTH / 2)  # (2, n)
        return (1 / np.sqrt(1 + away**2)).sum(axis=0) / np.sqrt(k)

    return _harmonics(frequency, loudness, int(HIGHEST / frequency.min()))


def _times(seconds: float) -> np.ndarray:
    """The samples of a sound on the scale 0 to 1."""
    if not seconds > 0:
        raise ValueError(f"seconds must be positive, got {seconds!r}")
    return np.linspace(0, 1, max(2, round(seconds * RATE)))


def _harmonics(frequency: np.ndarray, loudness: Loudness, highest: int) -> np.ndarray:
    """Sum of the waves at 1, 2, … times `frequency` (n,) in Hz, faded in and out: (n,)."""
    first = np.exp(2j * np.pi * np.cumsum(frequency) / RATE)
    wave, power = np.zeros(len(frequency)), np.ones(len(frequency), complex)
    for k in range(1, highest + 1):
        power = power * first  # e^(ik phase): no sine is computed twice
        audible = k * frequency < HIGHEST
        wave += np.where(audible, loudness(k * frequency, k), 0.0) * power.imag
    edge = np.arange(len(wave)) / (FADE * RATE)
    edge = np.minimum(np.minimum(edge, edge[::-1]), 1)
    return wave * np.sin(np.pi / 2 * edge) ** 2
