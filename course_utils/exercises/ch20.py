"""Exercises of chapter 20: sound."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy import ndimage, signal
from torch import nn

from course_utils.accounting import receptive_field
from course_utils.exercises.core import Exercise, Mistake

# --- 20.1 -----------------------------------------------------------------------------------


def _alias_cases(rng):
    fixed = [(7000, 8000), (9000, 8000), (3000, 8000), (4000, 8000), (13000, 8000), (0, 100)]
    drawn = [
        (int(rate * turns + rng.integers(1, rate // 2 - 1)) + extra, rate)
        for rate, turns, extra in ((100, 0, 50), (360, 2, 0), (1000, 1, 500), (4000, 3, 2000))
    ]
    return [*fixed, *drawn]


def _loudest_in_one_second(frequency, rate):
    """Sample a second of the tone and find the strongest frequency, in whole hertz."""
    wave = np.cos(2 * np.pi * frequency * np.arange(rate) / rate)
    return int(np.abs(np.fft.rfft(wave)).argmax())


ALIAS = Exercise(
    id="20.1",
    title="Where does it come back?",
    points=1,
    minutes=6,
    trains="aliases and the Nyquist frequency",
    cases=_alias_cases,
    oracle=_loudest_in_one_second,
    mistakes=(
        Mistake(
            "not folded",
            lambda frequency, rate: frequency % rate,
            "You take away whole multiples of the rate, as you should. What is left may still lie "
            "above half the rate; which frequency below has its samples?",
        ),
        Mistake(
            "folded once",
            lambda frequency, rate: frequency if frequency <= rate / 2 else abs(rate - frequency),
            "Right up to one and a half times the rate. Multiples of the rate can be taken away "
            "before.",
        ),
        Mistake(
            "remainder by the Nyquist frequency",
            lambda frequency, rate: frequency % (rate // 2),
            "You let the tone begin again at 0 whenever it passes half the rate. It turns round "
            "there instead.",
        ),
        Mistake(
            "cut off",
            lambda frequency, rate: min(frequency, rate // 2),
            "You let every high tone end at half the rate. Compare the samples of 7,000 Hz with "
            "those of 1,000 Hz.",
        ),
        Mistake(
            "unchanged",
            lambda frequency, rate: frequency,
            "You return the frequency as it is, also above half the rate.",
        ),
        Mistake(
            "rate minus frequency",
            lambda frequency, rate: abs(rate - frequency),
            "You fold tones that lie below half the rate, too. These stay where they are.",
        ),
    ),
)

# --- 20.2 -----------------------------------------------------------------------------------


def _frame_cases(rng):
    fixed = [(2800, 256, 64), (200, 256, 64), (60, 256, 64), (256, 256, 64), (9, 4, 3), (5, 2, 4)]
    drawn = [
        (int(rng.integers(300, 900)), int(rng.integers(10, 120)), int(rng.integers(3, 90)))
        for _ in range(4)
    ]
    return [*fixed, *drawn]


def _frames_by_unfold(samples, length, hop):
    if samples < length:
        return 0  # torch refuses
    return len(torch.zeros(samples).unfold(0, length, hop))


def _count(samples, length, hop, extra=1, up=False):
    if samples < length:
        return 0
    steps = (samples - length) / hop
    return extra + (math.ceil(steps) if up else math.floor(steps))


FRAMES = Exercise(
    id="20.2",
    title="How many frames?",
    points=1,
    minutes=5,
    trains="the output size of a convolution with stride",
    cases=_frame_cases,
    oracle=_frames_by_unfold,
    mistakes=(
        Mistake(
            "first frame forgotten",
            lambda samples, length, hop: _count(samples, length, hop, extra=0),
            "You count the hops. There is one frame more than there are hops between frames.",
        ),
        Mistake(
            "last frame cut",
            lambda samples, length, hop: _count(samples, length, hop, up=True),
            "You count a last frame that hangs over the end. Only whole frames count.",
        ),
        Mistake(
            "length forgotten",
            lambda samples, length, hop: 1 + (samples - 1) // hop,
            "You count the places where a frame could begin, also those too near to the end for "
            "`length` samples.",
        ),
        Mistake(
            "hops only",
            lambda samples, length, hop: samples // hop,
            "You divide the sound into hops. The frames overlap, and each needs `length` samples.",
        ),
        Mistake(
            "no overlap",
            lambda samples, length, hop: samples // length,
            "You lay frames end to end. They begin one hop apart, not one length.",
        ),
        Mistake(
            "padded",
            lambda samples, length, hop: 1 + samples // hop,
            "That is the number with half a window of padding at both ends, as torch.stft has it "
            "by default. Here nothing is padded.",
        ),
        Mistake(
            "length and hop exchanged",
            lambda samples, length, hop: (
                0 if samples < length else 1 + max(samples - hop, 0) // length
            ),
            "You have exchanged the length of a frame and the hop.",
        ),
        Mistake(
            "short sounds",
            lambda samples, length, hop: 1 + (samples - length) // hop,
            "Right for sounds that hold a frame. One that is shorter has none.",
        ),
    ),
)

# --- 20.3 -----------------------------------------------------------------------------------


def _level_cases(rng):
    n = np.arange(32)
    two_tones = np.sin(2 * np.pi * 5 * n / 32) + 0.01 * np.sin(2 * np.pi * 11 * n / 32)
    return [
        (np.ones(4),),
        (two_tones,),
        (np.cos(2 * np.pi * 3.5 * n / 32),),
        (rng.normal(size=16),),
        (rng.normal(size=50) + 3,),
    ]


def _levels_by_scipy(frame):
    _, _, power = signal.spectrogram(
        frame,
        window="hann",
        nperseg=len(frame),
        noverlap=0,
        detrend=False,
        scaling="spectrum",
        mode="complex",
    )
    power = np.abs(power[:, 0]) ** 2
    with np.errstate(divide="ignore"):
        return np.clip(10 * np.log10(power / power.max()), -60, 0)


def _levels(frame, window="hann", fft=np.fft.rfft, power=2, factor=10, floor=-60, relative=True):
    weights = np.ones(len(frame)) if window is None else window
    if isinstance(weights, str):
        weights = signal.get_window(window, len(frame))
    found = np.abs(fft(frame * weights)) ** power
    level = factor * np.log10(np.maximum(found / (found.max() if relative else 1), 1e-12))
    return level if floor is None else np.maximum(level, floor)


LEVELS = Exercise(
    id="20.3",
    title="One column of a spectrogram",
    points=2,
    minutes=12,
    trains="window, transform, power, decibels",
    cases=_level_cases,
    oracle=_levels_by_scipy,
    rtol=1e-6,
    atol=1e-4,
    mistakes=(
        Mistake(
            "no window",
            lambda frame: _levels(frame, window=None),
            "You transform the bare frame. Multiply it with the window first.",
        ),
        Mistake(
            "symmetric window",
            lambda frame: _levels(frame, window=np.hanning(len(frame))),
            "Your window ends in a zero. The one asked for divides by L, not by L - 1, and its "
            "last sample is like its second.",
        ),
        Mistake(
            "twenty times the logarithm of the power",
            lambda frame: _levels(frame, factor=20),
            "Your levels are twice as deep. 20 times the logarithm belongs to amplitudes; of a "
            "power it is 10 times.",
        ),
        Mistake(
            "amplitude",
            lambda frame: _levels(frame, power=1),
            "Your levels are half as deep: you took the size of the coefficients, not the power, "
            "its square.",
        ),
        Mistake(
            "all frequencies",
            lambda frame: _levels(frame, fft=np.fft.fft),
            "You return L levels. Of a real frame the upper half repeats the lower: L / 2 + 1 are "
            "enough.",
        ),
        Mistake(
            "not relative",
            lambda frame: np.clip(_levels(frame, relative=False), -60, None),
            "Your levels depend on how loud the frame is. The strongest is 0 dB.",
        ),
        Mistake(
            "no floor",
            lambda frame: _levels(frame, floor=None),
            "Right above -60 dB. What lies below becomes -60.",
        ),
        Mistake(
            "natural logarithm",
            lambda frame: np.maximum(_levels(frame, floor=None) * np.log(10), -60),
            "A decibel is ten times the logarithm to the base 10. np.log is to the base e.",
        ),
        Mistake(
            "bels",
            lambda frame: _levels(frame, factor=1),
            "Those are bels. A decibel is a tenth of one.",
        ),
    ),
)

# --- 20.4 -----------------------------------------------------------------------------------


def _field_cases(rng):
    drawn = [
        (
            [
                (int(rng.integers(1, 9)), int(rng.integers(1, 5)), int(rng.integers(1, 4)))
                for _ in range(depth)
            ],
            rate,
        )
        for depth, rate in ((2, 8000), (3, 16000), (4, 44100))
    ]
    return [
        ([(64, 16, 1)], 8000),
        ([(64, 16, 1), (5, 5, 1)], 8000),
        ([(64, 16, 1), (5, 5, 1), (5, 1, 1), (2, 2, 1), (5, 1, 1)], 8000),
        ([(2, 1, 1), (2, 1, 2), (2, 1, 4), (2, 1, 8)], 16000),
        *drawn,
    ]


def _field_by_accounting(layers, rate):
    """The book's own accounting, which traces every operation of a model."""
    convolutions = [nn.Conv1d(1, 1, k, s, dilation=d) for k, s, d in layers]
    field = list(receptive_field(nn.Sequential(*convolutions), (1, 20_000)).values())[-1]
    return 1000 * field.size[0] / rate, 1000 * field.stride[0] / rate


def _field(layers, rate, own=False, less=1, dilate=True, jump=True, unit=1000):
    size, step = 1, 1
    for kernel, stride, dilation in layers:
        ahead = step * stride if own else step
        size += (dilation if dilate else 1) * (kernel - less) * (ahead if jump else 1)
        step *= stride
    return unit * size / rate, unit * step / rate


def _only_reach(layers, rate):
    size, step = _field(layers, rate)
    return size - 1000 / rate, step


def _last_stride(layers, rate):
    return _field(layers, rate)[0], 1000 * layers[-1][1] / rate


def _summed_strides(layers, rate):
    return _field(layers, rate)[0], 1000 * sum(stride for _, stride, _ in layers) / rate


def _reversed(layers, rate):
    return _field(layers[::-1], rate)


FIELD = Exercise(
    id="20.4",
    title="A receptive field in milliseconds",
    points=2,
    minutes=10,
    trains="receptive fields along time, and their unit",
    cases=_field_cases,
    oracle=_field_by_accounting,
    mistakes=(
        Mistake(
            "samples",
            lambda layers, rate: _field(layers, rate, unit=rate),
            "Those are samples. Divide by the rate, and mind that asked for are milliseconds.",
        ),
        Mistake(
            "seconds",
            lambda layers, rate: _field(layers, rate, unit=1),
            "Those are seconds. Asked for are milliseconds.",
        ),
        Mistake(
            "own stride counted",
            lambda layers, rate: _field(layers, rate, own=True),
            "You let a layer's own stride enlarge its own window. It enlarges what later layers "
            "add.",
        ),
        Mistake(
            "strides forgotten",
            lambda layers, rate: _field(layers, rate, jump=False),
            "Your windows grow as if every stride were 1. A tap of a later layer is as many "
            "samples away as the strides before it say.",
        ),
        Mistake(
            "dilation forgotten",
            lambda layers, rate: _field(layers, rate, dilate=False),
            "You leave out the dilation: it is the distance between a kernel's taps.",
        ),
        Mistake(
            "whole kernels added",
            lambda layers, rate: _field(layers, rate, less=0),
            "Each layer adds its kernel less one: the first tap stands where the unit itself "
            "already looks.",
        ),
        Mistake(
            "one sample short",
            _only_reach,
            "Your window is one sample short: you start from nothing, but a sample sees itself.",
        ),
        Mistake(
            "step of the last layer only",
            _last_stride,
            "The windows are right. The step is the product of all strides, not the last one.",
        ),
        Mistake(
            "strides added",
            _summed_strides,
            "The windows are right. Strides multiply; you have added them.",
        ),
        Mistake(
            "last layer first",
            _reversed,
            "You go through the layers from the last to the first. The first reads the samples.",
        ),
    ),
)

# --- 20.5 -----------------------------------------------------------------------------------


def _transpose_cases(rng):
    def levels(*shape):
        return rng.uniform(-40, 0, size=shape)

    return [
        (np.array([[1.0], [2.0], [3.0]]), 2, 6),
        (levels(6, 3), -4, 6),
        (levels(7, 4), 1, 12),
        (levels(5, 2), 0, 6),
        (levels(9, 3), 12, 6),
        (levels(8, 8), -3, 24),
        (levels(4, 2), 24, 6),
        (levels(4, 3), -10, 6),
    ]


def _transposed_by_scipy(levels, semitones, per_octave):
    rows = semitones * per_octave // 12
    return ndimage.shift(levels, (rows, 0), order=0, mode="constant", cval=levels.min())


def _moved(levels, rows, axis=0, fill=None):
    shift = [0, 0]
    shift[axis] = rows
    fill = levels.min() if fill is None else fill
    return ndimage.shift(levels, shift, order=0, mode="constant", cval=fill)


def _rows(semitones, per_octave):
    return semitones * per_octave // 12


TRANSPOSE = Exercise(
    id="20.5",
    title="Transpose",
    points=3,
    minutes=15,
    trains="a shift in pitch as a shift of rows",
    cases=_transpose_cases,
    oracle=_transposed_by_scipy,
    mistakes=(
        Mistake(
            "the wrong way",
            lambda x, s, p: _moved(x, -_rows(s, p)),
            "You sing lower where higher is asked for: row 0 is the lowest frequency.",
        ),
        Mistake(
            "wraps round",
            lambda x, s, p: np.roll(x, _rows(s, p), axis=0),
            "What leaves your picture at one end comes in at the other. A very high tone does not "
            "become a low one.",
        ),
        Mistake(
            "along time",
            lambda x, s, p: _moved(x, _rows(s, p), axis=1),
            "You move along time. Rows, axis 0, are frequencies.",
        ),
        Mistake(
            "semitones as rows",
            lambda x, s, p: _moved(x, s),
            "You move by one row a semitone. An octave of 12 semitones has `per_octave` rows.",
        ),
        Mistake(
            "turned over",
            lambda x, s, p: _moved(x, s * 12 // p),
            "Your factor is upside down: with 6 rows to the octave, 12 semitones are 6 rows.",
        ),
        Mistake(
            "filled with zeros",
            lambda x, s, p: _moved(x, _rows(s, p), fill=0),
            "You fill in zeros. Of levels in dB zero is the loudest; silence is the lowest level.",
        ),
        Mistake(
            "edge repeated",
            lambda x, s, p: ndimage.shift(x, (_rows(s, p), 0), order=0, mode="nearest"),
            "You repeat the outermost row. Nothing is known from there: it is silence.",
        ),
        Mistake(
            "filled with the lowest of each frame",
            lambda x, s, p: np.where(
                np.isnan(_moved(x, _rows(s, p), fill=np.nan)),
                x.min(axis=0),
                _moved(x, _rows(s, p)),
            ),
            "You take the lowest level of each frame. It is the lowest one in the whole picture.",
        ),
        Mistake(
            "octaves",
            lambda x, s, p: _moved(x, s * p),
            "You treat semitones as octaves. There are 12 to an octave.",
        ),
    ),
)

EXERCISES = (ALIAS, FRAMES, LEVELS, FIELD, TRANSPOSE)
