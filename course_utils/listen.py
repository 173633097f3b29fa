"""Hear a sound in the page, in JupyterLab and in Colab.  Taught in chapter 20.

Each player is the browser's own `<audio>` element with a caption and the sound inside its address,
as a WAV file of 8 bits a sample: nothing is fetched, and no kernel is needed. Half a second at
8,000 Hz adds about 5 kB to a page.
"""

from __future__ import annotations

import base64
import html
import io
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

PEAK = 0.8  # of the largest number that a sample can be

# Only inherited colours, as in the quizzes: every place brings its own, in light and in dark.
STYLE = """<style>
.course-sounds { display: flex; flex-wrap: wrap; gap: 0.8em 1.2em; margin: 0.5em 0; }
.course-sounds > div { flex: 1 1 14em; max-width: 22em; min-width: 0; }
.course-sounds p { margin: 0 0 0.2em; color: inherit; }
.course-sounds audio { display: block; width: 100%; height: 2.5em; }
</style>"""


@dataclass(frozen=True)
class Players:
    """Players for some sounds, one below or beside the other; the last line of a cell shows them.

    `files` holds WAV files by caption.
    """

    files: dict[str, bytes]

    def _repr_html_(self) -> str:
        players = [_player(caption, file) for caption, file in self.files.items()]
        return f'<div class="course-sounds">{STYLE}{"".join(players)}</div>'

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": str(self)}

    def __str__(self) -> str:
        return "\n".join(f"[sound] {caption}" for caption in self.files)

    def __repr__(self) -> str:
        return f"<Players: {len(self.files)} sounds>"


def _player(caption: str, file: bytes) -> str:
    name = html.escape(caption)
    data = base64.b64encode(file).decode("ascii")
    return (
        f"<div><p>{name}</p>"
        f'<audio controls preload="metadata" aria-label="{name}" '
        f'src="data:audio/wav;base64,{data}">'
        "This browser plays no sounds.</audio></div>"
    )


def listen(sounds: Mapping[str, np.ndarray], *, rate: int = 8000) -> Players:
    """Return players for sounds: ``listen({"a tone that rises": wave})``.

    Every sound is made equally loud at its loudest sample.

    Parameters
    ----------
    sounds
        By caption, waves (T,) of numbers on any scale. The caption is the player's name, also for
        a screen reader: say what is to be heard.
    rate
        Samples a second.

    Raises
    ------
    ValueError
        If there is no sound, a caption is empty, a wave is not (T,) with finite numbers, or the
        rate is not a whole number of at least 1.

    Taught in chapter 20.
    """
    if not sounds:
        raise ValueError("listen needs at least one sound; got none")
    for caption in sounds:
        if not isinstance(caption, str) or not caption.strip():
            raise ValueError(f"a caption says what is to be heard; got {caption!r}")
    return Players({caption: wav_bytes(sound, rate) for caption, sound in sounds.items()})


def wav_bytes(sound: np.ndarray, rate: int = 8000) -> bytes:
    """A WAV file of one channel and 8 bits a sample, its loudest sample at 0.8 of the range.

    Parameters
    ----------
    sound
        (T,), numbers on any scale.
    rate
        Samples a second.

    Raises
    ------
    ValueError
        As :func:`listen`.
    """
    sound = np.asarray(sound, dtype=float)
    if sound.ndim != 1 or sound.size == 0 or not np.isfinite(sound).all():
        raise ValueError(f"a sound is (T,) with finite numbers, T at least 1; got {sound.shape}")
    if isinstance(rate, bool) or not isinstance(rate, (int, np.integer)) or rate < 1:
        raise ValueError(f"rate must be a whole number of samples a second, got {rate!r}")
    peak = np.abs(sound).max()
    scaled = sound * (PEAK * 127 / peak) if peak > 0 else sound
    samples = (np.rint(scaled) + 128).astype(np.uint8)  # 8-bit WAV counts from 0, silence is 128
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(1)
        writer.setframerate(int(rate))
        writer.writeframes(samples.tobytes())
    return file.getvalue()
