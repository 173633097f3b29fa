"""Spoken digits: 3,000 recordings of the words zero to nine by six speakers.

The Free Spoken Digit Dataset of Zohar Jackson and contributors (2016 and later),
https://github.com/Jakobovski/free-spoken-digit-dataset, under the licence CC BY-SA 4.0: name the
origin, and pass on what you make of it under the same licence. 50 recordings of each digit by each
speaker, 8,000 samples a second, 16 bits, one channel, trimmed so that little silence is left; files
are called `digit_speaker_number.wav`. The course does not ship them.  Taught in chapter 20.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import wave
from pathlib import Path
from typing import NamedTuple

import numpy as np

from course_utils.data import sources
from course_utils.data.dataset import SPLITS
from course_utils.data.rows import balanced_rows, expect_one_of
from course_utils.data.sounds import RATE, Sounds

FOLDER, ARCHIVE = "fsdd", "fsdd.tgz"
ADDRESS = "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz"
# Of the recordings, not of the archive: its packing may change, the sounds may not. See `_digest`.
SHA256 = "dbd573d7cafe79c4b49f65718115e1304e24e067fa39eff18a660dc6cb9c360f"
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SAMPLES = 6400  # 0.8 s, longer than all but a few recordings
SPLIT_BY = ("recording", "speaker")
# By number: the authors' test split is 0 to 4; validation takes the next five.
NUMBERS = {"test": range(5), "valid": range(5, 10), "train": range(10, 50)}
# By speaker: the last two of the alphabet are kept apart.
SPEAKERS = {
    "test": ("yweweler",),
    "valid": ("theo",),
    "train": ("george", "jackson", "lucas", "nicolas"),
}
_NAME = re.compile(r"(?:^|/)recordings/((\d)_([a-z]+)_(\d+)\.wav)$")


class _Recording(NamedTuple):
    digit: int
    speaker: str
    number: int
    samples: np.ndarray  # int16


def spoken_digits(
    split: str,
    *,
    by: str = "recording",
    limit: int | None = None,
    seed: int = 0,
    download: bool = False,
) -> Sounds:
    """Load one split of the spoken digits, each in the middle of 0.8 s of silence.

    Longer recordings lose their two ends. `by` says what is kept apart:

    - ``"recording"``: the authors' split. Numbers 0 to 4 of each digit and speaker are for the test
      (300), 5 to 9 for validation (300), the rest for training (2,400). Every voice is in every
      split: it measures new recordings of known voices.
    - ``"speaker"``: training with four speakers (2,000), validation with a fifth, test with the
      sixth (500 each). It measures new voices, but each split only one.

    Parameters
    ----------
    split
        ``"train"``, ``"valid"`` or ``"test"``.
    limit
        Keep that many, as evenly from every digit as they allow, drawn with `seed`.
    download
        Download the set (about 16 MB) where it is not on this machine. It is looked for, as
        `fsdd/fsdd.tgz`, in the project's `data/`, in `COURSE_DATA`, and among earlier downloads.

    Raises
    ------
    ValueError
        For an unknown `split` or `by`, or an impossible `limit`.
    DataNotFoundError
        If the set is not here, or the download fails or brings other recordings.

    Taught in chapter 20.
    """
    expect_one_of(split, SPLITS, "split")
    expect_one_of(by, SPLIT_BY, "way to split")
    recordings, source = _recordings(download)
    if by == "speaker":
        chosen = [r for r in recordings if r.speaker in SPEAKERS[split]]
    else:
        chosen = [r for r in recordings if r.number in NUMBERS[split]]
    if limit is not None:
        labels = np.array([r.digit for r in chosen])
        chosen = [
            chosen[row] for row in balanced_rows(labels, limit, seed, "spoken_digits", "sounds")
        ]
    return Sounds(
        waves=np.stack([_centred(r.samples) for r in chosen]),
        labels=np.array([r.digit for r in chosen], dtype=np.int64),
        classes=WORDS,
        source=source,
        voices=tuple(r.speaker for r in chosen),
    )


def _centred(samples: np.ndarray) -> np.ndarray:
    """In the middle of `SAMPLES` samples, or cut at both ends to as many: (SAMPLES,) float32."""
    spare = SAMPLES - len(samples)
    if spare < 0:
        samples = samples[-spare // 2 :][:SAMPLES]
    padded = np.zeros(SAMPLES, np.float32)
    first = max(spare, 0) // 2
    padded[first : first + len(samples)] = samples / np.float32(2**15)
    return padded


def _recordings(download: bool) -> tuple[list[_Recording], str]:
    """All recordings in the order of their names, and where they were found."""
    found = sources._first_sound_copy("spoken_digits", FOLDER, _read_folder)
    if found is not None:
        return found
    if not download:
        raise sources.DataNotFoundError(
            "the spoken digits are not on this machine: ask for download=True, or put "
            f"{FOLDER}/{ARCHIVE} into the folder that COURSE_DATA names"
        )
    return sources._downloaded(FOLDER, _download)


def _read_folder(folder: Path) -> tuple[list[_Recording], str]:
    path = folder / ARCHIVE
    if not path.is_file():
        raise FileNotFoundError(path)
    return _read_archive(path), str(path)


def _download(folder: Path) -> tuple[list[_Recording], str]:
    """Fetch the archive; it gets its name only when its recordings have been checked."""
    from torchvision.datasets.utils import download_url

    unchecked = folder / (ARCHIVE + ".part")
    unchecked.unlink(missing_ok=True)  # else a broken one would be taken for the file
    download_url(ADDRESS, str(folder), unchecked.name)
    try:
        recordings = _read_archive(unchecked)
    except Exception:
        unchecked.unlink(missing_ok=True)
        raise
    unchecked.replace(folder / ARCHIVE)
    return recordings, str(folder / ARCHIVE)


def _read_archive(path: Path) -> list[_Recording]:
    """Read the recordings of a tar archive. Raises `ValueError` for any other ones."""
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = _NAME.search(member.name)
                content = archive.extractfile(member) if name else None
                if name and content:
                    files[name[1]] = content.read()
    except tarfile.TarError as problem:
        raise ValueError(f"{path} is not a sound tar archive ({problem})") from problem
    if _digest(files) != SHA256:
        raise ValueError(f"{path} holds {len(files)} recordings, and not those that are expected")
    return [_decoded(name, files[name]) for name in sorted(files)]


def _digest(files: dict[str, bytes]) -> str:
    """SHA-256 of the lines `name sha256-of-the-file`, in the order of the names."""
    lines = [f"{name} {hashlib.sha256(files[name]).hexdigest()}\n" for name in sorted(files)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _decoded(name: str, content: bytes) -> _Recording:
    digit, speaker, number = name.removesuffix(".wav").split("_")
    with wave.open(io.BytesIO(content)) as file:
        kind = file.getnchannels(), file.getsampwidth(), file.getframerate()
        if kind != (1, 2, RATE):
            raise ValueError(f"{name} has (channels, bytes, rate) {kind}, not {(1, 2, RATE)}")
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    return _Recording(int(digit), speaker, int(number), samples)
