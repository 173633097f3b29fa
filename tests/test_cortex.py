"""The model cells against independent mathematics: SciPy, scikit-learn, closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from sklearn.metrics import roc_auc_score

from course_utils import cortex as cx

RETINA = cx.Retina()
OFFSETS = np.arange(-1.5, 1.51, 0.25)
angles = st.floats(0, 180, allow_nan=False)


@pytest.fixture(scope="module")
def cells():
    """Vertical cells of every kind, as functions of images."""
    simple = cx.simple_cell(RETINA, 90)
    bank = cx.simple_cell_bank(RETINA, 90, OFFSETS)
    opponents = cx.simple_cell_bank(RETINA, 0, OFFSETS)
    subunits = cx.row_subunits(RETINA, 90, OFFSETS)
    return {
        "simple": lambda images: np.maximum(cx.drive(images, simple), 0),
        "maximum": lambda images: cx.complex_cell(images, bank),
        "threshold": lambda images: cx.complex_cell(images, bank, threshold=0.65),
        "inhibition": lambda images: cx.inhibited_complex_cell(images, bank, opponents),
        "conjunction": lambda images: cx.conjunctive_complex_cell(images, subunits),
    }


def percent(cell, images):
    """Mean response in percent of that to the best bar."""
    return 100 * float(np.mean(cell(images))) / float(cell(cx.bar(RETINA, 90)))


# --- retina and stimuli ---


def test_the_retina_has_x_to_the_right_and_y_up():
    x, y = cx.Retina(3, 0.5).coordinates()
    np.testing.assert_array_equal(x[0], [-0.5, 0, 0.5])
    np.testing.assert_array_equal(y[:, 0], [0.5, 0, -0.5])


def test_a_vertical_bar_is_a_column_and_a_horizontal_one_a_row():
    small = cx.Retina(9, 1.0)
    vertical = cx.bar(small, 90, length=20, width=1)
    expected = np.zeros((9, 9))
    expected[:, 4] = 1
    np.testing.assert_allclose(vertical, expected, atol=1e-12)
    np.testing.assert_allclose(cx.bar(small, 0, length=20, width=1), expected.T, atol=1e-12)


def test_orientation_turns_counter_clockwise():
    image = cx.bar(RETINA, 45)
    assert image[20, 60] == 1  # top right
    assert image[20, 20] == 0  # top left


@given(angles, st.floats(1.0, 4.0), st.floats(0.3, 1.5))
@settings(max_examples=30, deadline=None)
def test_a_bar_has_the_area_of_its_rectangle(orientation, length, width):
    light = cx.bar(RETINA, orientation, length=length, width=width).sum()
    assert light * RETINA.degrees_per_pixel**2 == pytest.approx(length * width, rel=0.06)


def test_a_spot_has_the_area_of_its_disc_and_an_annulus_the_difference():
    area = RETINA.degrees_per_pixel**2
    assert cx.spot(RETINA, diameter=2.0).sum() * area == pytest.approx(np.pi, rel=0.01)
    ring = cx.annulus(RETINA, inner=1.0, outer=2.0).sum() * area
    assert ring == pytest.approx(np.pi * 0.75, rel=0.01)


def test_overlapping_spots_do_not_add_up():
    twice = cx.spots(RETINA, [[0.0, 0.0], [0.0, 0.0]])
    np.testing.assert_array_equal(twice, cx.spot(RETINA))


def test_a_row_of_spots_lies_on_its_line():
    where = cx.row_positions(90, count=3, spacing=2.0, position=(1.0, 0.0))
    np.testing.assert_allclose(where, [[1, -2], [1, 0], [1, 2]], atol=1e-12)
    image = cx.row_of_spots(RETINA, 90, count=3, spacing=2.0, position=(1.0, 0.0))
    assert image[40 - 20, 50] == 1
    assert image[40, 50] == 1
    assert image[40 - 10, 50] == 0


def test_a_grating_has_its_mean_contrast_and_period():
    image = cx.grating(cx.Retina(81, 0.1), 90, spatial_frequency=0.5, contrast=0.6, mean=0.4)
    np.testing.assert_allclose(image, np.broadcast_to(image[:1], image.shape), atol=1e-12)
    np.testing.assert_allclose(image[0, 20:], image[0, :-20], atol=1e-12)
    assert image.max() == pytest.approx(0.4 * 1.6)
    assert image.min() == pytest.approx(0.4 * 0.4)


def test_a_film_of_the_opposite_direction_is_the_film_played_backwards():
    forth = cx.moving_bar(RETINA, 30.0, speed=7.0)
    back = cx.moving_bar(RETINA, 210.0, speed=7.0)
    np.testing.assert_allclose(back, forth[::-1], atol=1e-12)


def test_a_bar_that_moves_to_the_right_moves_at_its_speed():
    film = cx.moving_bar(RETINA, 0.0, speed=5.0, duration=1000.0, time_step=20.0)
    middle = (film * np.arange(81)).sum(axis=(1, 2)) / film.sum(axis=(1, 2))
    inside = slice(12, 38)  # where the whole bar is on the retina
    np.testing.assert_allclose(np.diff(middle[inside]), 1.0, atol=1e-9)  # 0.1 degree in 20 ms


def test_a_rotating_bar_names_its_orientation():
    film, turned = cx.rotating_bar(RETINA, turn_rate=45.0, duration=4000.0, time_step=500.0)
    np.testing.assert_allclose(turned, [0, 22.5, 45, 67.5, 90, 112.5, 135, 157.5])
    np.testing.assert_allclose(film, cx.bar(RETINA, turned))


def test_bent_and_broken_bars_reduce_to_the_plain_bar():
    np.testing.assert_array_equal(cx.broken_bar(RETINA, 60, gap=0.0), cx.bar(RETINA, 60))
    np.testing.assert_allclose(cx.wavy_bar(RETINA, 60, amplitude=0.0), cx.bar(RETINA, 60))
    assert cx.broken_bar(RETINA, 90, gap=1.0)[40, 40] == 0


def test_the_hermann_grid_keeps_its_crossings_when_the_streets_wind():
    straight, winding = cx.hermann_grid(RETINA), cx.hermann_grid(RETINA, wave=0.3)
    assert straight[40, 40] == winding[40, 40] == 1
    assert straight[25, 25] == 0  # the middle of a block, 1.5 degrees away on both axes
    assert np.abs(straight - winding).sum() > 100


def test_noise_is_seeded_and_leaves_its_input_alone():
    image = cx.bar(RETINA, 0)
    before = image.copy()
    first, second = cx.with_noise(image, 0.5, seed=3), cx.with_noise(image, 0.5, seed=3)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(image, before)
    assert (first - image).std() == pytest.approx(0.5, rel=0.05)
    assert not np.array_equal(first, cx.with_noise(image, 0.5, seed=4))


# --- centre-surround and simple cells ---


@given(st.tuples(st.floats(-4, 4), st.floats(-4, 4)), st.booleans())
@settings(max_examples=30, deadline=None)
def test_centre_surround_weights_cancel_diffuse_light(position, off):
    weights = cx.center_surround(RETINA, position, off=off)
    assert abs(weights.sum()) < 1e-12
    assert np.maximum(weights, 0).sum() == pytest.approx(1)


def test_centre_surround_is_the_difference_of_two_gaussian_filters():
    impulse = np.zeros(RETINA.shape)
    impulse[40, 40] = 1
    center, surround = (gaussian_filter(impulse, s / 0.1, truncate=8) for s in (0.25, 0.75))
    expected = center - surround
    expected /= expected[expected > 0].sum()
    np.testing.assert_allclose(cx.center_surround(RETINA), expected, atol=1e-6)


def test_an_off_cell_is_the_on_cell_turned_round_but_for_its_scale():
    on, off = cx.center_surround(RETINA), cx.center_surround(RETINA, off=True)
    assert np.corrcoef(on.ravel(), off.ravel())[0, 1] == pytest.approx(-1)


def test_a_centre_surround_cell_likes_a_spot_that_fills_its_centre_best():
    diameters = np.arange(0.2, 4, 0.1)
    answers = [cx.drive(cx.spot(RETINA, diameter=d), cx.center_surround(RETINA)) for d in diameters]
    # The weights change sign where both Gaussians agree: r^2 = 2 ln(9) / (1/s^2 - 1/(3 s)^2).
    radius = np.sqrt(2 * np.log(9) / (1 / 0.25**2 - 1 / 0.75**2))
    assert diameters[np.argmax(answers)] == pytest.approx(2 * radius, abs=0.1)
    assert cx.drive(cx.annulus(RETINA, inner=2 * radius, outer=4.0), cx.center_surround(RETINA)) < 0


@given(st.integers(0, 2**32 - 1), angles)
@settings(max_examples=15, deadline=None)
def test_a_simple_cell_is_the_sum_of_its_centre_surround_cells(seed, orientation):
    image = np.random.default_rng(seed).random(RETINA.shape)
    row = cx.row_positions(orientation, count=11, spacing=0.4)
    summed = cx.center_surround(RETINA, row).sum(axis=0)
    scale = np.maximum(summed, 0).sum()
    one_by_one = sum(float(cx.drive(image, cx.center_surround(RETINA, p))) for p in row) / scale
    whole = cx.drive(image, cx.simple_cell(RETINA, orientation))
    assert whole == pytest.approx(one_by_one, abs=1e-10)


def test_rectified_inputs_are_not_linear_but_on_and_off_pairs_are():
    row = cx.center_surround(RETINA, cx.row_positions(90, count=11, spacing=0.4))
    image = cx.row_of_spots(RETINA, 90, count=5, spacing=1.6, diameter=1.0)
    linear = cx.drive(image, row)
    assert (linear < 0).any()
    assert np.maximum(linear, 0).sum() > linear.sum() + 0.1
    pushed, pulled = np.maximum(linear, 0), np.maximum(-linear, 0)
    assert (pushed - pulled).sum() == pytest.approx(linear.sum())


@pytest.mark.parametrize("kind", ["line", "edge"])
@pytest.mark.parametrize("orientation", [0, 30, 90, 157.5])
def test_diffuse_light_is_ineffective_for_every_simple_cell(kind, orientation):
    weights = cx.simple_cell(RETINA, orientation, kind=kind)
    assert abs(cx.drive(cx.diffuse_light(RETINA), weights)) < 1e-12
    assert np.maximum(weights, 0).sum() == pytest.approx(1)


def test_an_edge_cell_answers_light_on_its_one_side_only():
    weights = cx.simple_cell(RETINA, 90, kind="edge")
    x, _ = RETINA.coordinates()
    right, left = (x > 0).astype(float), (x < 0).astype(float)
    assert cx.drive(right, weights) > 0.5
    assert cx.drive(left, weights) < -0.5


def test_drive_is_the_double_sum_for_banks_and_stacks():
    rng = np.random.default_rng(0)
    images, weights = rng.random((4, 5, 5)), rng.random((2, 3, 5, 5))
    expected = np.einsum("nhw,pkhw->npk", images, weights)
    np.testing.assert_allclose(cx.drive(images, weights), expected)
    assert cx.drive(images[0], weights[0, 0]).shape == ()


def test_a_firing_rate_is_never_negative():
    rates = cx.firing_rate(np.array([-1.0, 0.0, 0.1, 1.0]), gain=50, spontaneous=10)
    np.testing.assert_allclose(rates, [0, 10, 15, 60])
    np.testing.assert_allclose(cx.firing_rate(np.array([0.2, 0.5]), threshold=0.3), [0, 10])


# --- what the lecture says, measured ---


@pytest.mark.parametrize("orientation", [0.0, 20.0, 90.0, 135.0])
def test_simple_cells_are_tuned_to_their_own_orientation(orientation):
    bars = np.arange(0, 180, 5.0)
    weights = cx.simple_cell(RETINA, orientation)
    rates = cx.firing_rate(cx.drive(cx.bar(RETINA, bars), weights))
    error = (cx.preferred_orientation(bars, rates) - orientation + 90) % 180 - 90
    assert abs(error) < 0.5
    assert 15 < cx.half_width(bars, rates, period=180.0) < 23


def test_a_simple_cell_answers_an_aligned_row_of_spots(cells):
    row = cx.row_of_spots(RETINA, 90, count=5, spacing=1.6, diameter=1.0)
    across = cx.row_of_spots(RETINA, 0, count=5, spacing=1.6, diameter=1.0)
    assert percent(cells["simple"], row) > 60
    assert percent(cells["simple"], across) < 25


def test_the_plain_maximum_is_fooled_by_whatever_fools_a_simple_cell(cells):
    spots = cx.scattered_spots(RETINA, count=12, diameter=1.0, images=40, seed=1)
    row = cx.row_of_spots(RETINA, 90, count=5, spacing=1.6, diameter=1.0)
    assert (cells["maximum"](spots) >= cells["simple"](spots) - 1e-12).all()
    assert percent(cells["maximum"], row) == pytest.approx(percent(cells["simple"], row))
    assert percent(cells["maximum"], spots) > 3 * percent(cells["simple"], spots)


@pytest.mark.parametrize("contrast", [0.5, 1.0, 2.0, 4.0])
def test_the_conjunction_is_not_fooled_at_any_brightness(cells, contrast):
    look = {"diameter": 1.0, "contrast": contrast}
    row = cx.row_of_spots(RETINA, 90, count=5, spacing=1.6, **look)
    assert percent(cells["conjunction"], row) < 1
    assert percent(cells["conjunction"], cx.spot(RETINA, **look)) < 1


def test_each_repair_has_its_price(cells):
    best = cx.bar(RETINA, 90)
    bright = cx.row_of_spots(RETINA, 90, count=5, spacing=1.6, diameter=1.0, contrast=2.0)
    cross = np.maximum(best, cx.bar(RETINA, 0))
    gap = cx.broken_bar(RETINA, 90, gap=0.5)
    assert percent(cells["threshold"], 0.5 * best) == 0
    assert percent(cells["threshold"], bright) > 100
    assert percent(cells["inhibition"], cross) < 1
    assert percent(cells["conjunction"], gap) < 5
    assert percent(cells["maximum"], gap) > 80


def test_a_complex_cell_tolerates_shifts_that_a_simple_cell_does_not(cells):
    places = np.arange(-3, 3.01, 0.1)
    bars = cx.bar(RETINA, 90, position=np.stack([places, 0 * places], axis=-1))
    simple = cx.half_width(places, cells["simple"](bars))
    for name in ("maximum", "inhibition", "conjunction"):
        assert cx.half_width(places, cells[name](bars)) > 4 * simple
    # The bank spans 1.5 degrees to either side: that much is added to the half-width.
    shifted = cx.half_width(places, cells["maximum"](bars))
    assert shifted == pytest.approx(simple + 1.5, abs=0.05)


# --- recordings ---


def test_spike_counts_follow_the_poisson_law():
    trains = cx.spike_train(np.full(400, 40.0), duration=1000.0, seed=1)
    counts = trains.sum(axis=-1)
    assert counts.mean() == pytest.approx(40, rel=0.04)  # 2 % of it is two spikes in one bin
    assert counts.var() == pytest.approx(counts.mean(), rel=0.2)
    np.testing.assert_array_equal(trains, cx.spike_train(np.full(400, 40.0), duration=1000, seed=1))


def test_no_rate_no_spike_and_spike_times_are_milliseconds():
    assert not cx.spike_train(0.0, duration=500.0).any()
    train = np.array([False, True, False, True])
    np.testing.assert_array_equal(cx.spike_times(train, time_step=2.0), [2.0, 6.0])


@given(angles, st.floats(0.5, 4))
@settings(max_examples=40, deadline=None)
def test_preferred_orientation_of_a_symmetric_curve_is_its_centre(center, sharpness):
    bars = np.arange(0, 180, 10.0)
    curve = np.exp(sharpness * np.cos(2 * np.deg2rad(bars - center)))
    error = (cx.preferred_orientation(bars, curve) - center + 90) % 180 - 90
    assert abs(error) < 1e-3


@pytest.mark.parametrize("center", [0.0, 3.0, 90.0, 178.0])
def test_half_width_of_a_triangle_is_half_of_its_foot(center):
    bars = np.arange(0, 180, 1.0)
    distance = np.abs((bars - center + 90) % 180 - 90)
    curve = np.maximum(0, 30 - distance)
    assert cx.half_width(bars, curve, period=180.0) == pytest.approx(15, abs=0.01)


def test_half_width_of_a_gaussian_is_its_closed_form():
    places = np.linspace(-5, 5, 2001)
    curve = np.exp(-(places**2) / 2)
    assert cx.half_width(places, curve) == pytest.approx(np.sqrt(2 * np.log(2)), abs=1e-4)


def test_a_spot_map_shows_excitation_between_two_inhibitory_flanks():
    weights = cx.simple_cell(RETINA, 90)
    places, change = cx.spot_map(
        lambda images: cx.firing_rate(cx.drive(images, weights), spontaneous=10), RETINA
    )
    middle = len(places) // 2
    assert change[middle, middle] > 0
    assert change[middle, places.searchsorted(0.8 - 1e-9)] < 0
    np.testing.assert_allclose(change, change[:, ::-1], atol=1e-9)
    assert change[0, middle] < change[middle, middle] / 5  # beyond the end of the field


def test_reverse_correlation_finds_the_weights():
    small = cx.Retina(21, 0.4)
    weights = cx.simple_cell(small, 30)
    noise = cx.noise_images(small, 20000, seed=0)
    rates = cx.firing_rate(cx.drive(noise, weights))
    average = cx.reverse_correlation(noise, rates)
    assert np.corrcoef(average.ravel(), weights.ravel())[0, 1] > 0.95


def test_detectability_is_the_area_under_the_roc_curve():
    rng = np.random.default_rng(0)
    signal, blank = rng.integers(0, 9, 200) + 1.0, rng.integers(0, 9, 300) * 1.0
    expected = roc_auc_score(np.r_[np.ones(200), np.zeros(300)], np.r_[signal, blank])
    assert cx.detectability(signal, blank) == pytest.approx(expected)


# --- direction ---


@pytest.mark.parametrize("kind", ["line", "edge"])
def test_a_cell_without_memory_cannot_tell_two_directions_apart(kind):
    weights = cx.simple_cell(RETINA, 90, kind=kind)
    forth, back = (
        cx.firing_rate(cx.drive(cx.moving_bar(RETINA, d), weights)) for d in (0.0, 180.0)
    )
    np.testing.assert_allclose(back, forth[::-1], atol=1e-9)
    assert cx.direction_index(forth.mean(), back.mean()) == pytest.approx(0, abs=1e-12)
    assert forth.max() == pytest.approx(back.max())


def test_two_subunits_and_a_delay_tell_them_apart():
    left, right = (cx.simple_cell(RETINA, 90, position=(x, 0.0)) for x in (-0.5, 0.5))
    answers = []
    for direction in (0.0, 180.0):
        film = cx.moving_bar(RETINA, direction, speed=5.0, time_step=10.0)
        a, b = (cx.firing_rate(cx.drive(film, w)) for w in (left, right))
        answers.append(
            (
                cx.coincidence_cell(a, b, delay=20).mean(),  # 1 degree in 200 ms
                cx.veto_cell(b, a, delay=20).mean(),  # vetoed from the right
            )
        )
    (match_right, veto_right), (match_left, veto_left) = answers
    assert cx.direction_index(match_right, match_left) > 0.95
    assert cx.direction_index(veto_right, veto_left) > 0.95


def test_a_delay_shifts_and_does_not_wrap():
    signal = np.array([[1.0, 2, 3, 4]])
    np.testing.assert_array_equal(cx.delayed(signal, 1), [[0, 1, 2, 3]])
    np.testing.assert_array_equal(cx.delayed(signal, 0), signal)
    np.testing.assert_array_equal(cx.delayed(signal, 9), np.zeros((1, 4)))


def test_direction_index():
    assert cx.direction_index(3.0, 1.0) == 0.5
    np.testing.assert_allclose(cx.direction_index([2.0, 1.0], [0.0, 1.0]), [1, 0])


# --- bad input ---

WRONG = {
    "even retina": lambda: cx.Retina(80),
    "no resolution": lambda: cx.Retina(81, 0.0),
    "three coordinates": lambda: cx.spot(RETINA, (0.0, 0.0, 0.0)),
    "negative width": lambda: cx.bar(RETINA, 0, width=-1.0),
    "negative noise": lambda: cx.with_noise(np.zeros((3, 3)), -0.1),
    "ring inside out": lambda: cx.annulus(RETINA, inner=2.0, outer=1.0),
    "street wider than block": lambda: cx.hermann_grid(RETINA, pitch=1.0, street=2.0),
    "no spots": lambda: cx.row_positions(0, count=0, spacing=1.0),
    "flat list of spots": lambda: cx.spots(RETINA, np.zeros(2)),
    "standing bar": lambda: cx.moving_bar(RETINA, 0.0, speed=0.0),
    "wide centre": lambda: cx.center_surround(RETINA, center_sigma=1.0),
    "unknown kind": lambda: cx.simple_cell(RETINA, 0, kind="corner"),
    "spacing over length": lambda: cx.simple_cell(RETINA, 0, spacing=9.0),
    "shapes differ": lambda: cx.drive(np.zeros((4, 4)), np.zeros((5, 5))),
    "no gain": lambda: cx.firing_rate(np.zeros(1), gain=0.0),
    "a cell is not a bank": lambda: cx.complex_cell(np.zeros((5, 5)), np.zeros((5, 5))),
    "negative inhibition": lambda: cx.inhibited_complex_cell(
        np.zeros((5, 5)), np.zeros((1, 5, 5)), np.zeros((1, 5, 5)), strength=-1.0
    ),
    "rows not subunits": lambda: cx.conjunctive_complex_cell(np.zeros((5, 5)), np.zeros((1, 5, 5))),
    "negative rate": lambda: cx.spike_train(-1.0, duration=10.0),
    "no time": lambda: cx.spike_train(1.0, duration=0.0),
    "several trains": lambda: cx.spike_times(np.zeros((2, 3), bool)),
    "too short a curve": lambda: cx.half_width(np.arange(2.0), np.ones(2)),
    "negative response": lambda: cx.half_width(np.arange(3.0), np.array([-1.0, 1, 0])),
    "flat curve": lambda: cx.half_width(np.arange(5.0), np.ones(5)),
    "silent cell": lambda: cx.half_width(np.arange(5.0), np.zeros(5)),
    "falling positions": lambda: cx.half_width(np.arange(5.0)[::-1], np.ones(5)),
    "more than a period": lambda: cx.half_width(np.arange(5.0) * 90, np.ones(5), period=180.0),
    "untuned cell": lambda: cx.preferred_orientation(np.arange(0, 180, 45.0), np.ones(4)),
    "coarse map": lambda: cx.spot_map(lambda i: i.sum((1, 2)), RETINA, step=9.0),
    "no spike": lambda: cx.reverse_correlation(np.zeros((3, 2, 2)), np.zeros(3)),
    "counts missing": lambda: cx.reverse_correlation(np.zeros((3, 2, 2)), np.ones(2)),
    "nothing to detect": lambda: cx.detectability(np.zeros(0), np.zeros(3)),
    "future": lambda: cx.delayed(np.zeros(3), -1),
    "lengths differ": lambda: cx.coincidence_cell(np.zeros(3), np.zeros(4), delay=1),
    "negative signal": lambda: cx.veto_cell(np.full(3, -1.0), np.zeros(3), delay=1),
    "no direction": lambda: cx.direction_index(0.0, 0.0),
    "negative direction": lambda: cx.direction_index(-1.0, 2.0),
}


@pytest.mark.parametrize("name", WRONG)
def test_bad_input_is_refused_with_a_sentence(name):
    with pytest.raises(ValueError, match=r"\w+ .*\w+"):
        WRONG[name]()
