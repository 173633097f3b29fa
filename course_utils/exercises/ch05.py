"""Exercises of chapter 5: convolution, correlation and Fourier."""

from __future__ import annotations

import numpy as np
import scipy.signal

from course_utils.exercises.core import Exercise, Mistake

# --- 05.1 -----------------------------------------------------------------------------------

MODES = ("full", "same", "valid")


def _length_cases(rng):
    pairs = [(5, 3), (3, 5), (4, 4), (1, 1), *rng.integers(1, 100, size=(6, 2)).tolist()]
    return [(n, k, mode) for n, k in pairs for mode in MODES]


def _length_from_scipy(n, k, mode):
    return len(scipy.signal.convolve(np.ones(n), np.ones(k), mode))


def _length_with(**rules):
    """Return the right answer with some modes' rules replaced by wrong ones."""
    right = {
        "full": lambda n, k: n + k - 1,
        "same": lambda n, k: n,
        "valid": lambda n, k: abs(n - k) + 1,
    }
    return lambda n, k, mode: {**right, **rules}[mode](n, k)


LENGTH = Exercise(
    id="05.1",
    title="How long is the answer?",
    points=1,
    minutes=5,
    trains="output lengths of the three modes",
    cases=_length_cases,
    oracle=_length_from_scipy,
    mistakes=(
        Mistake(
            "lengths added",
            _length_with(full=lambda n, k: n + k),
            "In full mode you count one place too many. Lay the filter on the signal so that they "
            "share one place only, on the left and then on the right, and count the moves between.",
        ),
        Mistake(
            "moves for positions",
            _length_with(valid=lambda n, k: abs(n - k)),
            "In valid mode you count how often the filter can move on. It also gives an answer "
            "before its first move: there is one position more than there are moves.",
        ),
        Mistake(
            "filter longer than the signal",
            _length_with(valid=lambda n, k: n - k + 1),
            "Your valid mode is right while the filter is the shorter one. With a longer filter "
            "it goes negative or to zero; then the signal slides inside the filter.",
        ),
        Mistake(
            "nothing for a longer filter",
            _length_with(valid=lambda n, k: max(n - k + 1, 0)),
            "Your valid mode gives no answer where the filter is the longer one. There the two "
            "change places: the signal slides inside the filter.",
        ),
        Mistake(
            "NumPy's same",
            _length_with(same=lambda n, k: max(n, k)),
            "That is the rule of numpy.convolve, whose same is as long as the longer of the two. "
            "SciPy's is as long as the signal, always.",
        ),
        Mistake(
            "valid for same",
            _length_with(same=lambda n, k: abs(n - k) + 1),
            "You shortened the answer in same mode. The zeros beyond the border are there so that "
            "the answer need not be shorter than the signal.",
        ),
    ),
)

# --- 05.2 -----------------------------------------------------------------------------------


def _image_cases(rng):
    small = np.array([[1.0, 2.0], [3.0, 4.0]])
    drawn = [
        (rng.normal(size=x), rng.normal(size=w)) for x, w in (((3, 4), (2, 3)), ((5, 4), (3, 3)))
    ]
    return [
        (small, np.array([[1.0, 10.0]])),
        (small, np.array([[1.0], [10.0]])),
        (small, np.array([[1.0, 10.0], [100.0, 1000.0]])),
        *drawn,
        (rng.normal(size=(3, 4)), rng.normal(size=(4, 5))),
    ]


def _circular(x, w):
    size = np.maximum(x.shape, w.shape)
    return np.fft.ifft2(np.fft.fft2(x, size) * np.fft.fft2(w, size)).real


def _negative_indices(x, w):
    """Sum with a check at the far ends only: x[-1] is then the last row, not a zero."""
    y = np.zeros(np.add(x.shape, w.shape) - 1)
    for i, j in np.ndindex(y.shape):
        for m, n in np.ndindex(w.shape):
            if i - m < x.shape[0] and j - n < x.shape[1]:
                y[i, j] += x[i - m, j - n] * w[m, n]
    return y


IMAGE = Exercise(
    id="05.2",
    title="Convolution of two images, from the sum",
    points=2,
    minutes=10,
    trains="the flip, along both axes",
    cases=_image_cases,
    oracle=lambda x, w: scipy.signal.convolve2d(x, w),
    mistakes=(
        Mistake(
            "filter not turned over",
            lambda x, w: scipy.signal.correlate2d(x, w),
            "Your answer slides the filter over the image without turning it over. "
            "Which sign do m and n have in x[i - m, j - n]?",
        ),
        Mistake(
            "turned over along the rows only",
            lambda x, w: scipy.signal.correlate2d(x, w[::-1]),
            "You turned the filter over from top to bottom, but not from left to right. "
            "Both indices have a minus sign.",
        ),
        Mistake(
            "turned over along the columns only",
            lambda x, w: scipy.signal.correlate2d(x, w[:, ::-1]),
            "You turned the filter over from left to right, but not from top to bottom. "
            "Both indices have a minus sign.",
        ),
        Mistake(
            "mean for sum",
            lambda x, w: scipy.signal.convolve2d(x, w) / w.size,
            "Your answers are too small by the number of filter values. A convolution adds the "
            "products; it does not average them.",
        ),
        Mistake(
            "valid for full",
            lambda x, w: (
                scipy.signal.convolve2d(x, w, "valid")
                if x.shape >= w.shape
                else scipy.signal.convolve2d(w, x, "valid")
            ),
            "You kept only the places where the filter lies wholly inside the image. "
            "The full convolution also has those where the two overlap in part.",
        ),
        Mistake(
            "same for full",
            lambda x, w: scipy.signal.convolve2d(x, w, "same"),
            "Your answer has the shape of the image. The full convolution is larger: each axis "
            "has one answer for every overlap of image and filter.",
        ),
        Mistake(
            "negative indices",
            _negative_indices,
            "Near the top and the left your answers hold pixels from the bottom and the right. In "
            "Python x[-1] is the last row, not an error: ask for 0 <= i - m, and the same for j.",
        ),
        Mistake(
            "wraps round",
            _circular,
            "What should leave the image on one side comes in on the other. "
            "The image is zero outside; it is not a ring.",
        ),
    ),
)

# --- 05.3 and 05.4 --------------------------------------------------------------------------


def _complex_cases(rng):
    def draw(size):
        return rng.normal(size=size) + 1j * rng.normal(size=size)

    return [
        (np.array([1.0, 2.0, 3.0]), np.array([1.0, 10.0, 100.0])),
        (np.array([1.0, 2.0, 3.0]), np.array([1.0, 10.0])),
        (np.array([1.0, 1j]), np.array([1.0, 1j])),
        (draw(6), draw(3)),
        (draw(3), draw(6)),
    ]


CORRELATE = Exercise(
    id="05.3",
    title="Correlation, if you have only convolution",
    points=2,
    minutes=10,
    trains="the flip and the conjugate",
    cases=_complex_cases,
    oracle=lambda x, w: scipy.signal.correlate(x, w, method="direct"),
    mistakes=(
        Mistake(
            "filter not turned over",
            lambda x, w: np.convolve(x, np.conj(w)),
            "This is still a convolution. np.convolve turns the filter over; to get a correlation "
            "you must undo that.",
        ),
        Mistake(
            "conjugate forgotten",
            lambda x, w: np.convolve(x, w[::-1]),
            "Right for real numbers. For complex ones, look at the bar over w in the definition: "
            "a signal's correlation with itself at lag 0 should be its energy, a real number.",
        ),
        Mistake(
            "signal conjugated",
            lambda x, w: np.convolve(np.conj(x), w[::-1]),
            "You conjugated the signal. In the definition the bar stands over the filter.",
        ),
        Mistake(
            "signal turned over",
            lambda x, w: np.convolve(x[::-1], np.conj(w)),
            "You turned the signal over in place of the filter, so the answers come in the "
            "reverse order of the lags.",
        ),
        Mistake(
            "roles exchanged",
            lambda x, w: np.correlate(w, x, "full"),
            "You correlated the filter with the signal. Correlation does not commute: exchanging "
            "the two turns the answer over and conjugates it.",
        ),
        Mistake(
            "valid for full",
            lambda x, w: np.correlate(x, w),
            "You kept the complete overlaps only. np.correlate does that when no mode is named; "
            "np.convolve keeps all of them.",
        ),
    ),
)


def _real_cases(rng):
    return [
        (np.array([1.0, 2.0, 3.0]), np.array([1.0, 10.0])),
        (np.array([1.0, 2.0, 3.0]), np.array([1.0, 10.0, 100.0])),
        (rng.normal(size=8), rng.normal(size=3)),
        (rng.normal(size=3), rng.normal(size=8)),
    ]


def _through_dft(x, w, size, conjugate=True, roll=True):
    spectrum = np.fft.fft(w, size)
    ring = np.fft.ifft(np.fft.fft(x, size) * (spectrum.conj() if conjugate else spectrum)).real
    return np.roll(ring, len(w) - 1) if roll else ring


def _length_not_named(x, w):
    """Half spectra, and an irfft that has to guess the length: it takes an even one."""
    size = _enough(x, w)
    spectrum = np.fft.rfft(x, size) * np.fft.rfft(w, size).conj()
    return np.roll(np.fft.irfft(spectrum), len(w) - 1)


def _enough(x, w):
    return len(x) + len(w) - 1


THROUGH_FFT = Exercise(
    id="05.4",
    title="Correlation through the FFT",
    points=3,
    minutes=15,
    trains="the correlation theorem, zero padding, the order of the lags",
    cases=_real_cases,
    oracle=lambda x, w: np.correlate(x, w, "full"),
    mistakes=(
        Mistake(
            "conjugate forgotten",
            lambda x, w: _through_dft(x, w, _enough(x, w), conjugate=False, roll=False),
            "The product of the two transforms is a convolution. "
            "What does the correlation theorem do to the filter's transform?",
        ),
        Mistake(
            "conjugate forgotten, then moved",
            lambda x, w: _through_dft(x, w, _enough(x, w), conjugate=False),
            "The order of the lags is in your code, but the product of the two transforms is a "
            "convolution. What does the correlation theorem do to the filter's transform?",
        ),
        Mistake(
            "no padding",
            lambda x, w: _through_dft(x, w, max(len(x), len(w))),
            "Your ring is as long as the longer list, so the two ends of the answer fall on each "
            "other. How many answers need a place?",
        ),
        Mistake(
            "no padding, lags not moved",
            lambda x, w: _through_dft(x, w, max(len(x), len(w)), roll=False),
            "Your ring is as long as the longer list, so the two ends of the answer fall on each "
            "other. How many answers need a place? After that, look at where lag 0 is stored.",
        ),
        Mistake(
            "lags in the ring's order",
            lambda x, w: _through_dft(x, w, _enough(x, w), roll=False),
            "The numbers are right and stand in the ring's order: it begins with lag 0 and keeps "
            "the negative lags at its end. The answer should begin with the lag -(K - 1).",
        ),
        Mistake(
            "lag zero in the middle",
            lambda x, w: np.fft.fftshift(_through_dft(x, w, _enough(x, w), roll=False)),
            "fftshift puts lag 0 in the middle. That is right only where x and w are equally long: "
            "here K - 1 lags are negative and N - 1 positive.",
        ),
        Mistake(
            "length not named",
            _length_not_named,
            "irfft cannot know whether the length was even or odd, and takes it for even. "
            "Name the length.",
        ),
        Mistake(
            "wrong transform conjugated",
            lambda x, w: _through_dft(w, x, _enough(x, w)),
            "Your answer is turned over: you conjugated the signal's transform, which correlates "
            "the filter with the signal.",
        ),
        Mistake(
            "one zero too many",
            lambda x, w: _through_dft(x, w, len(x) + len(w)),
            "Nothing wraps round, but a ring of N + K places has one that belongs to no lag, and "
            "you returned it too.",
        ),
    ),
)

# --- 05.5 -----------------------------------------------------------------------------------


def _recording(rng, length, delay, strength, offset):
    sound = rng.normal(size=length + delay)
    return sound[delay:] + strength * sound[:length] + offset


def _delay_cases(rng):
    delays = rng.permutation(np.arange(5, 45))[:4]
    return [
        (np.array([4.0, 0.0, 0.0, 2.0, 0.0, 0.0]),),
        (np.array([4.0, 0.0, 0.0, 0.0, 0.0, 2.0]),),  # the echo comes late: d > N / 2
        (np.array([9.0, 5.0, 8.0, 5.0, 5.0, 6.0, 5.0, 5.0]),),
        *[
            (_recording(rng, 500, int(d), 0.7, offset),)
            for d, offset in zip(delays, (0, 5, -8, 20), strict=True)
        ],
    ]


def _delay_from_scipy(recording):
    centred = recording - recording.mean()
    scores = scipy.signal.correlate(centred, centred, method="fft")
    lags = scipy.signal.correlation_lags(len(centred), len(centred))
    return int(lags[lags > 0][scores[lags > 0].argmax()])


def _positive_lags(recording):
    centred = recording - np.mean(recording)
    return np.correlate(centred, centred, "full")[len(recording) :]


def _offset_kept(recording):
    return int(np.correlate(recording, recording, "full")[len(recording) :].argmax()) + 1


def _on_a_ring(recording):
    power = np.abs(np.fft.fft(recording - np.mean(recording))) ** 2
    circular = np.fft.ifft(power).real.round(6)  # lags d and N - d are equal: take the first
    return int(circular[1:].argmax()) + 1


def _convolved_with_itself(recording):
    centred = recording - np.mean(recording)
    return int(np.convolve(centred, centred)[len(recording) :].argmax()) + 1


DELAY = Exercise(
    id="05.5",
    title="When did the echo come?",
    points=3,
    minutes=15,
    trains="autocorrelation and the bookkeeping of lags",
    cases=_delay_cases,
    oracle=_delay_from_scipy,
    mistakes=(
        Mistake(
            "lag zero kept",
            lambda recording: 0,
            "Every signal resembles itself most at lag 0. The echo is the largest value "
            "among the other lags.",
        ),
        Mistake(
            "index for lag",
            lambda recording: len(recording) + int(_positive_lags(recording).argmax()),
            "You returned an index into the full autocorrelation, which begins with the lag "
            "-(N - 1). Which index has lag 0?",
        ),
        Mistake(
            "one short",
            lambda recording: int(_positive_lags(recording).argmax()),
            "You are one step short: the first entry of the lags that you searched is lag 1, "
            "and argmax counts it as 0.",
        ),
        Mistake(
            "offset kept",
            _offset_kept,
            "You correlated the recording with its constant offset. The offset resembles itself "
            "at every lag, and most at the smallest, where the overlap is longest.",
        ),
        Mistake(
            "wraps round",
            _on_a_ring,
            "Your autocorrelation is one on a ring, where the lags d and N - d are the same. "
            "The recording is zero beyond its ends: pad it before you transform.",
        ),
        Mistake(
            "convolved with itself",
            _convolved_with_itself,
            "You convolved the recording with itself, which turns one copy over. An echo is "
            "found by sliding the recording over itself as it is.",
        ),
    ),
)

EXERCISES = (LENGTH, IMAGE, CORRELATE, THROUGH_FFT, DELAY)
