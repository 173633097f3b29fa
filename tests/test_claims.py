"""The lectures' claims: every verdict follows, and would not if a figure were another one."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from conftest import ROOT
from course_utils.claims import CLAIMS, VERDICTS, check_all, problems, read_table, write_table
from course_utils.claims.__main__ import main
from course_utils.claims.core import Finding, claim
from course_utils.claims.figures import compare, compatible, is_cut_off, read_figure, worst
from course_utils.claims.page import BEGIN, PAGE, anchor, escaped, updated
from course_utils.claims.table import ADDED, GIVEN, contradictions, fingerprint, given

SECONDS = 20  # of processor time, for all claims on one thread
LINES = read_table()
ROWS = {row.id: row for row in given(LINES)}
FAVOURABLE = [line["id"] for line in LINES if line["verdict"] in ("agrees", "rounds")]
HISTORICAL = [line["id"] for line in LINES if line["verdict"] == "historical"]
NO_FIGURE = {"PUC-04": "?"}  # a question on the slide


@pytest.fixture(scope="module")
def checked():
    started = time.process_time()
    results = check_all(list(ROWS.values()))
    assert time.process_time() - started < SECONDS
    return results


@pytest.fixture(scope="module")
def found(checked):
    return {row.row.id: row for row in checked}


# --- the table -----------------------------------------------------------------------------------


def test_every_row_has_a_function_and_every_function_a_row():
    assert len(LINES) == len(ROWS) == 150
    assert set(CLAIMS) == set(ROWS)


def test_no_function_answers_for_two_rows():
    functions = [entry.check for entry in CLAIMS.values()]
    assert len(set(functions)) == len(functions)


def test_a_row_cannot_be_claimed_twice():
    with pytest.raises(ValueError, match="USP-01 is checked by first_channel already"):
        claim("USP-01", taught="07")(lambda row: Finding("", "agrees", ""))


def test_a_row_without_a_function_is_refused():
    with pytest.raises(ValueError, match="NEW-01"):
        check_all([*ROWS.values(), replace(ROWS["USP-01"], id="NEW-01")])


def test_every_committed_verdict_follows(checked):
    assert problems(LINES, checked) == []


def test_the_page_is_up_to_date(checked):
    page = PAGE.read_text(encoding="utf-8")
    assert updated(page, checked) == page, "run python -m course_utils.claims --write"


def test_verdicts_and_columns_are_the_agreed_ones():
    assert tuple(LINES[0]) == GIVEN + ADDED
    assert {line["verdict"] for line in LINES} == set(VERDICTS)
    assert all(line["why"] and line["computed"] for line in LINES)


def test_writing_the_table_again_changes_nothing(checked, tmp_path):
    write_table(checked, tmp_path / "again.csv")
    committed = ROOT / "data" / "lecture_claims.csv"
    assert (tmp_path / "again.csv").read_bytes() == committed.read_bytes()


@pytest.mark.parametrize("name", ADDED)
@pytest.mark.parametrize("row_id", ["USP-07", "SEJ-01", "CMU-21"])
def test_a_change_by_hand_is_noticed(checked, row_id, name):
    changed = [line | {name: "another"} if line["id"] == row_id else line for line in LINES]
    assert [text for text in problems(changed, checked) if text.startswith(f"{row_id}: {name}")]


def test_a_changed_given_column_is_noticed(checked):
    changed = [line | {"where": "elsewhere"} if line["id"] == "USP-01" else line for line in LINES]
    assert problems(changed, checked) == ["the given columns are not those of the lectures' table"]
    assert fingerprint(given(changed)) != fingerprint(given(LINES))


def test_the_command_says_what_does_not_follow(tmp_path, capsys):
    assert main([]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    for verdict, count in Counter(line["verdict"] for line in LINES).items():
        assert f"{count:4d} {verdict}\n" in printed.out

    text = (ROOT / "data" / "lecture_claims.csv").read_text(encoding="utf-8")
    changed = tmp_path / "changed.csv"
    changed.write_text(text.replace(",disagrees,", ",agrees,", 1))
    assert main(["--table", str(changed)]) == 1
    assert "verdict is 'agrees', but 'disagrees' follows" in capsys.readouterr().err


def another(printed):
    """The same text with its first number far off, or other words."""
    wrong, count = re.subn(r"\d+", lambda m: str(3 * int(m[0]) + 7), printed, count=1)
    return wrong if count else f"not {printed}"


@pytest.mark.parametrize("row_id", [i for i in FAVOURABLE if i not in NO_FIGURE])
def test_another_printed_figure_would_not_pass(row_id):
    row = ROWS[row_id]
    try:
        verdict = CLAIMS[row_id].check(replace(row, printed=another(row.printed))).verdict
    except ValueError:  # it cannot be read as a figure any more
        return
    assert verdict == "disagrees"


def test_a_question_is_no_figure_but_a_wrong_answer_is():
    for row_id, printed in NO_FIGURE.items():
        assert ROWS[row_id].printed == printed
        assert CLAIMS[row_id].check(replace(ROWS[row_id], printed="35k")).verdict == "rounds"
        assert CLAIMS[row_id].check(replace(ROWS[row_id], printed="34,848")).verdict == "disagrees"


def test_a_right_figure_would_pass():
    for row_id, printed in {
        "SEJ-01": "308",
        "SEJ-08": "31,457,280",
        "SEJ-09": "7x7",
        "USP-09": "144M",
        "CMU-16": "stride 1",
        "CMU-20": "724M",
        "PUC-13": "61 MB",
        "PUC-19": "22, 7M",
        "PUC-24": "138M, 15.5B",
    }.items():
        verdict = CLAIMS[row_id].check(replace(ROWS[row_id], printed=printed)).verdict
        assert verdict in ("agrees", "rounds"), row_id


# --- sources, places, contradictions -------------------------------------------------------------


def test_what_no_computation_settles_has_a_primary_source(found):
    keys = set(re.findall(r"^@\w+\{([^,]+),", (ROOT / "references.bib").read_text("utf-8"), re.M))
    assert HISTORICAL
    assert all(found[row_id].sources for row_id in HISTORICAL)
    assert {key for row in found.values() for key in row.sources} <= keys


def test_a_historical_finding_without_a_source_is_refused():
    with pytest.raises(ValueError, match="primary source"):
        Finding("", "historical", "")
    with pytest.raises(ValueError, match="verdict must be"):
        Finding("", "right", "")


@pytest.mark.parametrize("place", sorted({line["taught"] for line in LINES}))
def test_the_place_that_teaches_it_exists(place):
    name, _, label = place.partition("#")
    if re.fullmatch(r"\d\d", name):
        assert 12 <= int(name) <= 19
        return
    cells = json.loads((ROOT / "chapters" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    lines = [line.strip() for c in cells if c["cell_type"] == "markdown" for line in c["source"]]
    if label:
        assert lines.count(f"({label})=") == 1
        assert lines[lines.index(f"({label})=") + 1].startswith("#")


def test_a_row_is_taught_where_the_lectures_table_says(found):
    elsewhere = {i for i, row in found.items() if row.taught[:2] != row.row.chapter.zfill(2)}
    assert elsewhere == {"PUC-04"}  # chapter 7 answers the question before chapter 13 asks it


def test_contradictions_are_mutual_and_known(found):
    pairs = {frozenset((i, other)) for i, row in found.items() for other in row.contradicts}
    assert all(
        i in found[other].contradicts for i, row in found.items() for other in row.contradicts
    )
    for known in (
        ("USP-01", "SEJ-01"),
        ("USP-09", "USP-10"),
        ("USP-09", "PUC-14"),
        ("USP-11", "USP-12"),
        ("USP-11", "CMU-25"),
        ("CMU-16", "PUC-08"),
        ("CMU-18", "PUC-07"),
        ("USP-07", "PUC-23"),
        ("CMU-40", "PUC-22"),
        ("CMU-15", "PUC-02"),
    ):
        assert (frozenset(known) in pairs) == (known != ("CMU-18", "PUC-07"))


def test_contradictions_follow_from_what_is_printed():
    rows = [replace(row, printed="308") if row.id == "SEJ-01" else row for row in ROWS.values()]
    assert contradictions(rows)["SEJ-01"] == ()


def test_the_page_has_every_row_once():
    page = PAGE.read_text(encoding="utf-8")
    intro, _, tables = page.partition(BEGIN)
    assert len(intro.split()) > 80
    for row_id in ROWS:
        assert tables.count(f'<span id="{anchor(row_id)}">') == 1
    assert tables.count(":header-rows: 1") == tables.count(":stub-columns: 1") == 5
    targets = set(re.findall(r'<a href="#([\w-]+)">', tables))
    assert targets <= {anchor(row_id) for row_id in ROWS}


def test_a_page_without_markers_is_refused(checked):
    with pytest.raises(ValueError, match="needs the markers"):
        updated("# A page", checked)


def test_markdown_finds_nothing_to_interpret():
    assert escaped("K1(3L^2+1) o[:,:,0] a*b_c") == r"K1(3L^2+1) o\[:,:,0\] a\*b\_c"


# --- reading figures -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("printed", "computed", "verdict"),
    [
        ("308", 308, "agrees"),
        ("380", 308, "disagrees"),
        ("138M", 138_357_544, "rounds"),
        ("138M", 143_667_240, "disagrees"),
        ("60M", 60_965_224, "rounds"),
        ("650K", 659_272, "rounds"),  # cut off
        ("650K", 660_001, "disagrees"),
        ("6M", 6_998_552, "disagrees"),  # one digit is too little to be cut off
        ("0.85M", 853_018, "rounds"),
        ("3.2 million", 3_240_000, "rounds"),
        ("14.4 billion", 14_400_000_000, "agrees"),
        ("2.33", 7 / 3, "rounds"),
        ("96 MB", 60_950_432, "disagrees"),
        ("61 MB", 60_950_432, "rounds"),
        ("< 3.5%", 3.57, "disagrees"),
        ("< 3.5%", 3.4, "agrees"),
        ("0.838788421", 0.838788420928, "agrees"),
        ("10x", 15.6, "disagrees"),
        ("-25", -25, "agrees"),
    ],
)
def test_a_verdict_follows_from_two_numbers(printed, computed, verdict):
    assert compare(printed, computed) == verdict


def test_cut_off_is_told_from_rounded():
    assert is_cut_off("650K", 659_272)
    assert not is_cut_off("660K", 659_272)
    assert not is_cut_off("650K", 651_000)


def test_the_worst_figure_of_a_row_decides():
    assert worst(["agrees", "rounds"]) == "rounds"
    assert worst(["rounds", "disagrees", "agrees"]) == "disagrees"


@pytest.mark.parametrize(
    ("one", "other", "can"),
    [
        ("60M", "60M", True),
        ("60M", "62M", False),
        ("6M", "6.4M", True),
        ("7M", "6.4M", False),
        ("about 140M", "138M", True),
        ("138M", "144M", False),
        ("< 3.5%", "3.57%", False),
        ("stride 1", "stride 2", False),
        ("about 15%", "15.4%", True),
    ],
)
def test_two_printed_texts_can_or_cannot_both_be_right(one, other, can):
    assert compatible(one, other) == compatible(other, one) == can


def test_words_are_no_figures():
    with pytest.raises(ValueError, match="not a printed number"):
        read_figure("argmax routing")


# --- by independent arithmetic -------------------------------------------------------------------

ALEXNET = [  # kernels, side, maps that one kernel sees, side of the output
    *[(96, 11, 3, 55), (256, 5, 48, 27), (384, 3, 256, 13), (384, 3, 192, 13), (256, 3, 192, 13)],
    *[(4096, 6, 256, 1), (4096, 1, 4096, 1), (1000, 1, 4096, 1)],
]
VGG16 = [64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0]


def number(text):
    return int(re.match(r"[\d,]+", text)[0].replace(",", ""))


def computed(row_id):
    return next(line["computed"] for line in LINES if line["id"] == row_id)


def test_alexnet_by_hand():
    parameters = sum(k * (s * s * c + 1) for k, s, c, _ in ALEXNET)
    neurons = sum(k * n * n for k, _, _, n in ALEXNET)
    connections = sum(k * n * n * s * s * c for k, s, c, n in ALEXNET)
    assert number(computed("USP-07")) == parameters == 60_965_224
    assert number(computed("CMU-18")) == neurons == 659_272
    assert number(computed("CMU-20")) == connections == 724_406_816
    assert number(computed("PUC-04")) == 96 * (11 * 11 * 3 + 1)
    assert computed("PUC-23") == f"{parameters:,} and {2 * connections:,}"


def vgg(blocks):
    """Parameters, multiply-adds and memory by hand."""
    channels, side, weights, products, memory = 3, 224, 0, 0, 3 * 224 * 224
    for size in blocks:
        side = side if size else side // 2
        if size:
            weights += size * (9 * channels + 1)
            products += size * 9 * channels * side**2
            channels = size
        memory += channels * side**2
    dense = [channels * side**2, 4096, 4096, 1000]
    for a, b in pairwise(dense):
        weights, products, memory = weights + (a + 1) * b, products + a * b, memory + b
    return weights, products, memory


def test_vgg_by_hand():
    weights, products, memory = vgg(VGG16)
    larger = vgg([64, 64, 0, 128, 128, 0, *[256] * 4, 0, *[512] * 4, 0, *[512] * 4, 0])
    assert number(computed("PUC-14")) == weights
    assert computed("PUC-24") == f"{weights:,} and {products:,}"
    assert f"({memory:,} numbers)" in computed("PUC-13")
    assert number(computed("USP-09")) == number(computed("USP-10")) == larger[0]
    assert larger[1] == pytest.approx(19.6e9, rel=2e-3)


def test_inception_by_hand():
    direct, small, large = 28 * 28 * 32 * 25 * 192, 28 * 28 * 16 * 192, 28 * 28 * 32 * 25 * 16
    assert [number(computed(f"USP-{n}")) for n in (13, 14, 15, 16)] == [
        *(direct, small, large, small + large)
    ]
    assert number(computed("PUC-17")) == direct
    assert number(computed("PUC-18")) == small + large


def test_cifar_resnets_by_hand():
    for row_id, depth in (("USP-18", 56), ("USP-19", 110)):
        n = (depth - 2) // 6
        pairs = [(3, 16), *[(16, 16)] * (2 * n), (16, 32), *[(32, 32)] * (2 * n - 1)]
        pairs += [(32, 64), *[(64, 64)] * (2 * n - 1)]
        count = sum(9 * a * b + 2 * b for a, b in pairs) + 65 * 10
        assert number(computed(row_id)) == count


def test_resnet_152_by_hand():
    count, before = 3 * 64 * 49 + 2 * 64, 64
    for narrow, blocks in ((64, 3), (128, 8), (256, 36), (512, 3)):
        wide = 4 * narrow
        count += before * wide + 2 * wide  # the projection
        for _ in range(blocks):
            count += before * narrow + 9 * narrow**2 + narrow * wide + 2 * (2 * narrow + wide)
            before = wide
    assert number(computed("PUC-26")) == count + 2048 * 1000 + 1000


def test_layers_by_hand():
    assert computed("SEJ-08") == f"{32 * 32 * 3 * 32 * 32 * 10:,}"
    assert computed("SEJ-07") == f"32, {10 * (25 * 3 + 1)}"
    assert number(computed("IIIT-05")) == (200 * 200 * 3) ** 2
    assert number(computed("IIIT-06")) == 200 * 200 * 3 * 27
    sizes = [(n, k) for n in range(1, 13) for k in range(1, min(n, 5) + 1)]
    fits = sum((n - k) % stride == 0 for n, k in sizes for stride in (1, 2, 3, 4))
    assert computed("CMU-03").startswith(f"right in {fits} of ")


def test_the_softmax_by_hand():
    terms = [2.718281828459045**score for score in (6, 0, 5, 3, 8)]
    assert sum(terms) == pytest.approx(float(ROWS["IIIT-12"].printed), rel=1e-13)
    assert terms[-1] / sum(terms) == pytest.approx(float(ROWS["IIIT-13"].printed), abs=5e-10)


def test_the_three_channel_example_by_hand():
    red = -1 * 0 - 1 * 0 + 1 * 0 + 0 * 0 + 1 * 156 - 1 * 155 + 0 * 0 + 1 * 153 + 1 * 154
    green = 0 - 167 - 166 + 0 + 0 - 165
    blue = 0 + 163 + 0 + 0 - 160 + 161
    assert [int(computed(f"USP-0{n}")) for n in (1, 2, 3)] == [red, green, blue]
    assert int(computed("USP-04")) == red + green + blue + 1 == int(ROWS["USP-04"].printed)


def test_pooling_by_loops():
    rows = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
    largest = [
        [max(rows[i + a][j + b] for a in range(3) for b in range(3)) for j in range(3)]
        for i in range(3)
    ]
    assert json.loads(computed("SEJ-10")) == largest
    third = np.array([[12, 20, 30, 0], [8, 12, 2, 0], [34, 70, 37, 4], [112, 100, 25, 12]])
    means = third.reshape(2, 2, 2, 2).mean(axis=(1, 3))
    assert json.loads(computed("IIIT-11")) == means.tolist()
