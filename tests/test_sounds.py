"""Sounds: those that the course makes, the spoken digits, and the players of the page."""

from __future__ import annotations

import io
import re
import tarfile
import wave

import numpy as np
import pytest

from course_utils.data import DataNotFoundError, made_sounds, sounds, sources, spoken, spoken_digits
from course_utils.listen import listen, wav_bytes

# ---- sounds that are made ------------------------------------------------------------------------


def test_made_sounds_are_balanced_and_shuffled():
    made = made_sounds(100)
    assert made.waves.shape == (100, sounds.SAMPLES)
    assert made.waves.dtype == np.float32
    assert np.bincount(made.labels).tolist() == [10] * 10
    assert np.mean(np.diff(made.labels) != 0) > 0.7
    assert "100 sounds of 0.6 s at 8,000 Hz, 10 classes" in repr(made)
    x, y = made.tensors()
    assert x.shape == (100, 1, sounds.SAMPLES)
    assert y.tolist() == made.labels.tolist()


def test_the_same_seed_gives_the_same_sounds_and_another_does_not():
    one, same, other = made_sounds(20, seed=3), made_sounds(20, seed=3), made_sounds(20, seed=4)
    assert np.array_equal(one.waves, same.waves)
    assert not np.isclose(one.waves, other.waves).all(axis=1).any()


def test_a_later_start_moves_the_same_sound():
    settings = {"seed": 5, "noise": (-200.0, -200.0)}
    early, late = (made_sounds(10, start=(s, s), **settings).waves for s in (0.1, 0.2))
    np.testing.assert_allclose(late[:, 800:], early[:, :-800], atol=1e-6)


def test_noise_is_as_strong_as_asked_for():
    quiet, noisy = (
        made_sounds(30, noise=(level, level)).waves.astype(float) for level in (-200, 0)
    )
    signal = [np.mean(row[np.abs(row) > 1e-6 * np.abs(row).max()] ** 2) for row in quiet]
    noise = np.mean((noisy - quiet) ** 2, axis=1)
    assert np.abs(10 * np.log10(noise / signal)).max() < 1


def strongest(wave_):
    """The strongest frequency of a sound in Hz."""
    spectrum = np.abs(np.fft.rfft(wave_ * np.hanning(len(wave_)), 16 * len(wave_)))
    return spectrum.argmax() / (16 * len(wave_)) * sounds.RATE


@pytest.mark.parametrize("name", sounds.GLIDES)
def test_a_glide_goes_where_its_name_says(name):
    thirds = [strongest(part) for part in np.array_split(sounds.glide(name, 0.3), 3)]
    up = {
        "rise": (True, True),
        "fall": (False, False),
        "rise-fall": (True, False),
        "fall-rise": (False, True),
    }[name]
    if "-" in name:
        assert (thirds[1] > thirds[0], thirds[2] > thirds[1]) == up
    else:
        assert tuple(np.diff(thirds) > 0) == up


@pytest.mark.parametrize("name", ["a", "i", "u"])
def test_a_vowel_is_loud_at_its_formants(name):
    power = np.abs(np.fft.rfft(sounds.vowel(name, 1.0))) ** 2
    hertz = np.arange(len(power))  # of one second: one value a hertz
    away = [np.abs(hertz - formant) for formant in sounds.FORMANTS[name]]
    elsewhere = (np.minimum(*away) > 300) & (hertz > 100) & (hertz < 3500)
    for distance in away:
        assert power[distance < 130].mean() > 5 * power[elsewhere].mean()
    pitch = sounds.VOICE * 2 ** (-1 / 24)  # in the middle of its way down by a semitone
    assert power[np.abs(hertz - pitch) < 6].sum() > 10 * power[hertz < 100].sum()


def test_a_moving_vowel_begins_and_ends_as_its_letters():
    loud_in_i = []
    for part in np.array_split(sounds.vowel("ai", 0.4), 4):
        power = np.abs(np.fft.rfft(part * np.hanning(len(part)), sounds.RATE)) ** 2
        loud_in_i.append(power[2150:2450].sum() / power[650:1200].sum())
    assert loud_in_i[0] < 0.1
    assert loud_in_i[-1] > 2
    assert loud_in_i == sorted(loud_in_i)


def test_semitones_multiply_all_frequencies():
    assert strongest(sounds.vowel("a", 0.5, 12)) == pytest.approx(
        2 * strongest(sounds.vowel("a", 0.5)), rel=0.02
    )
    assert strongest(sounds.vowel("a", 0.5, voice=3)) == pytest.approx(730, abs=80)


def test_nothing_is_made_near_the_nyquist_frequency():
    power = np.abs(np.fft.rfft(sounds.vowel("i", 0.5, 9.0))) ** 2
    assert power[2000 - 50 :].sum() < 1e-4 * power.sum()  # from 3,900 Hz: a half-second has 2 Hz


@pytest.mark.parametrize("count", [0, -1, 2.5, True, None])
def test_an_impossible_count_is_refused(count):
    with pytest.raises(ValueError, match="whole number of at least 1"):
        made_sounds(count)


@pytest.mark.parametrize(
    "settings",
    [
        {"start": (0.2, 0.1)},
        {"start": (-0.1, 0.1)},
        {"start": (0.2, 0.35)},
        {"pitch": 3},
        {"noise": (0, float("nan"))},
        {"pitch": (1, 2, 3)},
    ],
)
def test_an_impossible_range_is_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        made_sounds(2, **settings)


def test_unknown_names_and_lengths_are_refused():
    with pytest.raises(ValueError, match="no glide"):
        sounds.glide("a")
    with pytest.raises(ValueError, match="no vowel"):
        sounds.vowel("rise")
    with pytest.raises(ValueError, match="positive"):
        sounds.glide("rise", 0)


# ---- spoken digits -------------------------------------------------------------------------------


def recording(seconds, *, width=2, rate=8000):
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes((np.full(int(seconds * rate), 1 << 12).astype("<i2")).tobytes())
    return file.getvalue()


def archive(files, folder="recordings/"):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(folder + name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


SPEAKERS = [name for names in spoken.SPEAKERS.values() for name in names]


@pytest.fixture(scope="module")
def few():
    """A small set in the form of the real one: two digits, six speakers, numbers 0 to 11."""
    return {
        f"{digit}_{speaker}_{number}.wav": recording(0.1 + 0.1 * digit)
        for digit in (3, 8)
        for speaker in SPEAKERS
        for number in range(12)
    }


@pytest.fixture
def nowhere(tmp_path, monkeypatch, few):
    """No copy anywhere; the small set is the one that is expected. Returns COURSE_DATA."""
    monkeypatch.setattr(sources, "PROJECT_DATA", tmp_path / "project")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(spoken, "SHA256", spoken._digest(few))
    return tmp_path / "data"


def put(folder, content):
    (folder / "fsdd").mkdir(parents=True)
    (folder / "fsdd" / "fsdd.tgz").write_bytes(content)


def test_split_by_recording_keeps_the_first_numbers_of_every_voice(nowhere, few):
    put(nowhere, archive(few))
    parts = {split: spoken_digits(split) for split in ("train", "valid", "test")}
    assert {split: len(part) for split, part in parts.items()} == {
        "train": 24,
        "valid": 60,
        "test": 60,
    }
    for part in parts.values():
        assert set(part.voices) == set(SPEAKERS)
        assert part.waves.shape[1] == spoken.SAMPLES
        assert set(part.labels) == {3, 8}
        assert part.classes[3] == "three"


def test_split_by_speaker_shares_no_voice(nowhere, few):
    put(nowhere, archive(few))
    voices = [set(spoken_digits(s, by="speaker").voices) for s in ("train", "valid", "test")]
    assert [len(v) for v in voices] == [4, 1, 1]
    assert set.union(*voices) == set(SPEAKERS)
    assert sum(map(len, voices)) == 6


def test_recordings_stand_in_the_middle_and_long_ones_are_cut(nowhere, few):
    put(nowhere, archive(few))
    test = spoken_digits("test")
    short, long = (test.waves[test.labels == digit][0] for digit in (3, 8))
    heard = np.flatnonzero(short)
    assert len(heard) == 3200
    assert heard[0] == (spoken.SAMPLES - 3200) // 2
    assert (long == 0.125).all()  # 0.9 s of a constant, cut to 0.8 s


def test_a_limit_is_balanced_and_seeded(nowhere, few):
    put(nowhere, archive(few))
    some = spoken_digits("test", limit=10, seed=1)
    assert np.bincount(some.labels)[[3, 8]].tolist() == [5, 5]
    assert some.voices == spoken_digits("test", limit=10, seed=1).voices
    with pytest.raises(ValueError, match="60 sounds.*from 1 to 60"):
        spoken_digits("test", limit=61)


def test_the_packing_does_not_matter_but_the_recordings_do(nowhere, few):
    others = {"README.md": b"x", **few}
    put(nowhere, archive(others, folder="free-spoken-digit-dataset-1.0.10/recordings/"))
    assert len(spoken_digits("test")) == 60
    changed = dict(few)
    changed["3_theo_0.wav"] = recording(0.2)
    (nowhere / "fsdd" / "fsdd.tgz").write_bytes(archive(changed))
    with (
        pytest.warns(UserWarning, match="broken .*not those that are expected"),
        pytest.raises(DataNotFoundError),
    ):
        spoken_digits("test")


def test_half_an_archive_is_noticed(nowhere, few):
    put(nowhere, archive(few)[:-2000])
    with pytest.warns(UserWarning, match="broken"), pytest.raises(DataNotFoundError):
        spoken_digits("test")


def test_without_a_copy_the_error_says_what_to_do(nowhere):
    with pytest.raises(DataNotFoundError, match=r"download=True.*fsdd/fsdd.tgz.*COURSE_DATA"):
        spoken_digits("test")


def test_a_download_is_checked_and_kept(nowhere, few, tmp_path, monkeypatch):
    asked = []

    def fetch(url, root, filename):
        asked.append(url)
        (tmp_path / "cache" / "fsdd").mkdir(parents=True, exist_ok=True)
        (tmp_path / "cache" / "fsdd" / filename).write_bytes(archive(few))

    monkeypatch.setattr("torchvision.datasets.utils.download_url", fetch)
    assert len(spoken_digits("test", download=True)) == 60
    assert len(spoken_digits("test", download=True)) == 60
    assert asked == [spoken.ADDRESS]
    assert [p.name for p in (tmp_path / "cache" / "fsdd").iterdir()] == ["fsdd.tgz"]


@pytest.mark.parametrize("content", [b"not an archive", None])
def test_a_bad_download_leaves_nothing_behind(nowhere, tmp_path, monkeypatch, content):
    def fetch(url, root, filename):
        if content is None:
            raise OSError("no network")
        (tmp_path / "cache" / "fsdd").mkdir(parents=True, exist_ok=True)
        (tmp_path / "cache" / "fsdd" / filename).write_bytes(content)

    monkeypatch.setattr("torchvision.datasets.utils.download_url", fetch)
    with pytest.raises(DataNotFoundError, match="spoken|fsdd"):
        spoken_digits("test", download=True)
    assert not list((tmp_path / "cache").rglob("*.tgz*"))


def test_another_rate_is_refused():
    with pytest.raises(ValueError, match="16000"):
        spoken._decoded("3_theo_1.wav", recording(0.1, rate=16000))


@pytest.mark.parametrize(("split", "by"), [("all", "recording"), ("test", "voice")])
def test_unknown_words_are_refused(split, by):
    with pytest.raises(ValueError, match="expected one of"):
        spoken_digits(split, by=by)


REAL = [folder for folder in sources._folders("fsdd") if (folder / "fsdd.tgz").is_file()]


@pytest.mark.skipif(not REAL, reason="the spoken digits are not here")
def test_the_real_set_has_what_its_docstring_says():
    test, train = spoken_digits("test"), spoken_digits("train", by="speaker")
    assert np.bincount(test.labels).tolist() == [30] * 10
    assert sorted(set(test.voices)) == sorted(SPEAKERS)
    assert len(train) == 2000
    assert 0.05 < np.abs(test.waves).max() <= 1


# ---- players -------------------------------------------------------------------------------------


def test_a_wav_file_comes_back_as_the_sound():
    tone = np.sin(np.arange(800) / 5)
    with wave.open(io.BytesIO(wav_bytes(3 * tone, 4000))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 1, 4000)
        samples = np.frombuffer(file.readframes(800), np.uint8).astype(float) - 128
    np.testing.assert_allclose(samples / (0.8 * 127), tone / np.abs(tone).max(), atol=0.006)
    assert set(wav_bytes(np.zeros(10))[-10:]) == {128}  # silence


def test_every_player_has_its_name_and_its_sound():
    players = listen({"a < b": np.ones(8), "second": np.arange(8.0)})
    page = players._repr_html_()
    assert re.findall(r'aria-label="([^"]*)"', page) == ["a &lt; b", "second"]
    assert re.findall(r"<p>([^<]*)<", page) == ["a &lt; b", "second"]
    assert page.count('src="data:audio/wav;base64,') == 2
    assert "autoplay" not in page
    assert str(players) == "[sound] a < b\n[sound] second"
    assert players._repr_mimebundle_()["text/plain"] == str(players)


def test_half_a_second_is_light():
    assert len(listen({"x": np.random.default_rng(0).normal(size=4000)})._repr_html_()) < 6500


@pytest.mark.parametrize(
    ("sounds_", "rate", "message"),
    [
        ({}, 8000, "at least one"),
        ({" ": np.ones(3)}, 8000, "caption"),
        ({"x": np.ones((2, 3))}, 8000, r"\(2, 3\)"),
        ({"x": np.array([np.nan])}, 8000, "finite"),
        ({"x": np.ones(3)}, 0, "rate"),
        ({"x": np.ones(3)}, 8000.5, "rate"),
    ],
)
def test_what_cannot_be_heard_is_refused(sounds_, rate, message):
    with pytest.raises(ValueError, match=message):
        listen(sounds_, rate=rate)
