"""Groups: no group is in two parts, every sample is in one, and the same seed gives the same."""

import gzip
import itertools
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making import refusal
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, StratifiedGroupKFold

from inknet import load_arrays
from inknet.data import Dataset, load, split, writers
from inknet.data.mnist import has_mnist
from inknet.errors import InputError
from inknet.groups.dividing import NoGroupsError, divide, numbered_groups


def dataset(n, n_groups, n_classes=3, n_official_test=0, seed=0):
    """Samples whose groups differ in size and in their classes."""
    random = np.random.default_rng(seed)
    groups = random.choice(n_groups, n, p=random.dirichlet(np.full(n_groups, 3.0)))
    groups[:n_groups] = np.arange(n_groups)
    likely = random.dirichlet(np.ones(n_classes), n_groups)
    labels = np.array([random.choice(n_classes, p=likely[group]) for group in groups])
    names = tuple(str(c) for c in range(n_classes))
    return Dataset(
        np.zeros((n, 1), np.uint8), labels, names, None, "here", n_official_test, groups=groups
    )


def rows(parts):
    return [part.rows.tolist() for part in parts]


def groups_of(parts):
    return [set(part.own_groups.tolist()) for part in parts]


def are_apart(sets):
    return not any(one & other for one, other in itertools.combinations(sets, 2))


SIZES = {"n": st.integers(40, 300), "n_groups": st.integers(3, 40), "seed": st.integers(0, 2**32)}


@settings(deadline=None)
@given(**SIZES, validation=st.floats(0.05, 0.45), test=st.floats(0.05, 0.45))
def test_no_group_is_in_two_parts_and_every_sample_in_one(n, n_groups, seed, validation, test):
    whole = dataset(n, n_groups)
    fractions = {"validation": validation, "test": test}
    parts = split(whole, np.random.default_rng(seed), **fractions)
    assert sorted(itertools.chain(*rows(parts))) == list(range(n))
    assert are_apart(groups_of(parts)) and all(groups_of(parts))
    assert rows(parts) == rows(split(whole, np.random.default_rng(seed), **fractions))


@settings(deadline=None)
@given(**SIZES, n_folds=st.integers(2, 3))
def test_folds_by_group_are_a_partition_as_those_of_scikit_learn(n, n_groups, seed, n_folds):
    whole = dataset(n, n_groups, n_official_test=0)
    found = [
        split(whole, np.random.default_rng(seed), test=0.1, fold=f"{k + 1}/{n_folds}")
        if n_groups > 4
        else None
        for k in range(n_folds)
    ]
    if None in found:
        return
    assert len({tuple(sorted(parts.test.rows)) for parts in found}) == 1
    assert all(are_apart(groups_of(parts)) for parts in found)
    held_back = [sorted(parts.validation.rows.tolist()) for parts in found]
    rest = sorted(set(range(n)) - set(found[0].test.rows.tolist()))
    assert sorted(itertools.chain(*held_back)) == rest
    theirs = GroupKFold(n_folds).split(whole.features[rest], groups=whole.groups[rest])
    assert sorted(itertools.chain(*(part.tolist() for _, part in theirs))) == list(range(len(rest)))


def test_sizes_and_classes_are_as_near_to_the_shares_as_those_of_scikit_learn():
    whole = dataset(3000, 60, n_classes=4)
    wanted = np.bincount(whole.labels) / 5

    def distance(held_back):
        return np.abs(np.bincount(whole.labels[held_back], minlength=4) - wanted).sum()

    ours = [
        distance(split(whole, np.random.default_rng(seed), validation=0.2, test=0.2)[1].rows)
        for seed in range(10)
    ]
    theirs = [
        distance(part)
        for seed in range(2)
        for _, part in StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(
            whole.features, whole.labels, whole.groups
        )
    ]
    chance = [
        distance(part)
        for _, part in GroupShuffleSplit(10, test_size=0.2, random_state=0).split(
            whole.features, whole.labels, whole.groups
        )
    ]
    assert np.mean(ours) <= 1.3 * np.mean(theirs)
    assert np.mean(ours) < np.mean(chance) / 2


def test_sizes_are_near_to_the_shares_where_groups_allow_it():
    sizes = np.array([50, 30, 20, 10, 5, 5, 5, 5, 5, 5])
    groups = np.repeat(np.arange(len(sizes)), sizes)
    for seed in range(20):
        part = divide(groups, None, [0.5, 0.3, 0.2], np.random.default_rng(seed), "here")
        assert np.abs(np.bincount(part) - [70, 42, 28]).max() <= 10


def test_every_group_may_be_held_back():
    whole = dataset(300, 6)
    seen = {
        group
        for seed in range(60)
        for group in groups_of(split(whole, np.random.default_rng(seed), validation=0.2))[1]
    }
    assert seen == set(range(6))


def test_three_equal_groups_fill_three_parts():
    groups = np.repeat(["a", "b", "c"], 10)
    whole = dataset(30, 3)
    parts = split(whole, np.random.default_rng(0), groups=groups)
    assert [len(part) for part in parts] == [10, 10, 10]


def test_another_process_makes_the_same_parts():
    program = (
        "import numpy as np; from inknet.data import load, split; "
        "g = np.arange(5000) % 37; "
        "p = split(load('sample'), np.random.default_rng(4), groups=[f'p{i}' for i in g]); "
        "print(p.train.rows.tolist() == sorted(p.train.rows.tolist()), p.validation.rows.tolist())"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0] == said[1] and said[0].startswith("False [")


def test_the_official_test_set_is_kept_whole():
    whole = dataset(200, 10, n_official_test=40)
    parts = split(whole, np.random.default_rng(0), validation=0.25)
    assert parts.test.rows.tolist() == list(range(160, 200))
    assert are_apart(groups_of(parts)[:2])


@pytest.mark.parametrize("stratified", [False, True])
@pytest.mark.parametrize("n_official_test", [0, 17])
def test_folds_of_samples_are_a_partition_too(stratified, n_official_test):
    whole = dataset(200, 10, n_official_test=n_official_test)
    found = [
        split(
            whole,
            np.random.default_rng(3),
            holdout="samples",
            fold=f"{k}/6",
            stratified=stratified,
        )
        for k in range(1, 7)
    ]
    held_back = list(itertools.chain(*(parts.validation.rows.tolist() for parts in found)))
    assert len(set(held_back)) == len(held_back) == 200 - len(found[0].test)
    assert max(len(p.validation) for p in found) - min(len(p.validation) for p in found) <= 1
    for parts in found:
        assert sorted(parts.test.rows) == sorted(found[0].test.rows)
        assert sorted(itertools.chain(*rows(parts))) == list(range(200))
        if stratified:
            counts = np.bincount(parts.validation.targets) * 6
            of_all = np.bincount(parts.validation.targets) * 0
            for other in found:
                of_all += np.bincount(other.validation.targets)
            assert np.abs(counts - of_all).max() <= 6


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"groups": np.zeros(50)}, "all samples are of one group; expected at least 3"),
        ({"groups": np.arange(50) % 2}, "2 groups, too few for 3 parts"),
        ({"groups": np.arange(49)}, "49 groups for 50 samples"),
        ({"groups": [np.nan, *range(49)]}, "sample 0 (counted from 0) has no group"),
        ({"groups": [*map(str, range(49)), None]}, "sample 49 (counted from 0) has no group"),
        ({"groups": np.zeros((50, 2))}, "expected one group for each sample"),
        ({"groups": np.arange(50) % 9, "fold": "7/6"}, "fold is '7/6'"),
        ({"groups": np.arange(50) % 9, "fold": "1/20"}, "too few for 20 parts"),
        ({"holdout": "groups"}, "no groups to hold back are known"),
        ({"holdout": "both"}, "holdout is 'both'"),
        ({"fold": "1/1"}, "fold is '1/1'"),
    ],
)
def test_groups_that_cannot_be_held_back_are_refused(arguments, says):
    plain = Dataset(np.zeros((50, 1)), np.arange(50) % 3, ("a", "b", "c"), None, "here")
    message = refusal(lambda: split(plain, np.random.default_rng(0), **arguments))
    assert says in message


def test_groups_are_equal_where_values_are():
    for values in (
        ["b", "a", "b"],
        np.array([2.5, 1, 2.5]),
        [b"b", b"a", b"b"],
        [True, False, True],
    ):
        assert numbered_groups(values, 3, "here").tolist() == [1, 0, 1]
    mixed = np.array(["x", 1, "x"], object)
    assert numbered_groups(mixed, 3, "here").tolist() == [1, 0, 1]


# -- tables, archives, arrays ---------------------------------------------------------------------

TABLE = "\n".join(
    ["subject,height,kind,weight"]
    + [f"p{i % 12},{i % 7}.5,{'ab'[i % 2]},{i % 5}.25" for i in range(120)]
)


def test_the_column_of_the_groups_is_no_feature(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(TABLE)
    whole = load(path, label="kind", groups="subject")
    assert whole.feature_names == ("height", "weight")
    assert whole.groups.tolist() == [i % 12 for i in range(120)]
    arrays = load_arrays(path, 1, label="kind", groups="subject")
    assert arrays.X_train.shape[1] == 2
    assert len(arrays.X_train) + len(arrays.X_val) + len(arrays.X_test) == 120
    (tmp_path / "quoted.csv").write_text(TABLE.replace("p3,", '"p,3",'))
    quoted = load(tmp_path / "quoted.csv", label="kind", groups="Subject")
    assert quoted.groups.tolist() == whole.groups.tolist()


def test_a_label_may_be_found_next_to_groups_of_text(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(TABLE)
    with pytest.warns(match="the only one of text"):
        assert load(path, groups="subject").class_names == ("a", "b")
    assert load(path, groups="kind", label="first").n_classes == 12


@pytest.mark.parametrize(
    ("arguments", "change", "says"),
    [
        ({"groups": "person"}, ("", ""), "no column is called 'person'; found subject, height"),
        ({"groups": "kind"}, ("", ""), "column 'kind' cannot be both the label and the groups"),
        ({"groups": "subject"}, ("p3,3.5", ",3.5"), "line 5, column 'subject': no group, it is"),
        ({"groups": "subject"}, ("p3,3.5", "nan,3.5"), "no group, 'nan' is a missing value"),
    ],
)
def test_a_column_without_groups_is_refused(tmp_path, arguments, change, says):
    path = tmp_path / "people.csv"
    path.write_text(TABLE.replace(*change, 1) if change[0] else TABLE)
    assert says in refusal(lambda: load(path, label="kind", **arguments))


def test_an_archive_has_its_groups_in_an_array(tmp_path):
    X, y = np.random.default_rng(0).random((60, 4)), np.arange(60) % 2
    people = np.array([f"p{i % 10}" for i in range(60)])
    path = tmp_path / "data.npz"
    np.savez(path, X=X, y=y, groups=people, days=np.arange(60) // 6)
    assert load(path).groups.tolist() == [i % 10 for i in range(60)]
    assert load(path, groups="days").groups.tolist() == (np.arange(60) // 6).tolist()
    with pytest.raises(NoGroupsError, match="no array is called 'hours'"):
        load(path, groups="hours")
    np.savez(path, X=X, y=y, groups=people[:-1])
    assert "59 groups for 60 samples" in refusal(lambda: load(path))
    np.savez(path, x_train=X, y_train=y, x_test=X, y_test=y, groups=people)
    whole = load(path)
    assert whole.groups.tolist() == [*(i % 10 for i in range(60)), *[-1] * 60]
    parts = split(whole, np.random.default_rng(0))
    assert are_apart(groups_of(parts)[:2])
    says = refusal(lambda: split(whole, np.random.default_rng(0), official_test=False))
    assert "the groups of the test samples are not known" in says


@pytest.mark.parametrize("source", ["sample", "fashion"])
def test_other_sources_say_that_their_writers_are_not_known(source):
    if source == "fashion":
        says = refusal(lambda: load(source, groups="person"))
        assert "has no groups 'person'" in says
    else:
        says = refusal(lambda: load(source, groups="writers"))
        assert "its writers are not known; only those of mnist and qmnist are" in says


def test_groups_are_an_argument_of_load_arrays():
    people = np.arange(5000) % 50
    arrays = load_arrays("sample", 3, groups=people, test=0.2)
    assert len(arrays.X_test) == 1000
    with pytest.raises(InputError, match="3 groups for 5,000 samples"):
        load_arrays("sample", groups=[1, 2, 3])


# -- the writers of MNIST -------------------------------------------------------------------------


def write_labels(folder, part, rows_, *, as_table=False):
    rows_ = np.asarray(rows_)
    if as_table:
        with gzip.open(folder / f"qmnist-{part}-labels.tsv.gz", "wt") as file:
            np.savetxt(file, rows_, "%d", "\t")
        return
    header = struct.pack(">III", 0x0C02, *rows_.shape)
    with gzip.open(folder / f"qmnist-{part}-labels-idx2-int.gz", "wb") as file:
        file.write(header + rows_.astype(">i4").tobytes())


def made(n_train=80, n_test=20):
    """Images as MNIST's, and what QMNIST says of them."""
    labels = np.arange(n_train + n_test) % 10
    names = tuple(map(str, range(10)))
    images = Dataset(
        np.zeros((n_train + n_test, 4), np.uint8), labels, names, (2, 2), "mnist", n_test
    )
    hands = np.zeros((n_train + n_test + 30, 8), np.int64)
    hands[:, 0] = np.arange(len(hands)) % 10
    hands[:, 1] = np.arange(len(hands)) % 2 * 4
    hands[:, 2] = np.arange(len(hands)) // 10
    return images, hands[:n_train], hands[n_train:]


@pytest.mark.parametrize("as_table", [False, True])
def test_writers_are_found_in_either_form(tmp_path, monkeypatch, as_table):
    images, train, test = made()
    monkeypatch.setenv("INKNET_DATA_DIR", str(tmp_path))
    place = tmp_path / "qmnist"
    place.mkdir()
    write_labels(place, "train", train, as_table=as_table)
    write_labels(place, "test", test)
    found = writers.with_writers(images, "mnist")
    expected = [f"{a}-{b}" for a, b in np.concatenate([train, test[:20]])[:, 1:3]]
    assert (found.groups[:, None] == found.groups).tolist() == [
        [one == other for other in expected] for one in expected
    ]
    assert found.group_name == "writers"


def test_labels_of_other_images_are_refused(tmp_path, monkeypatch):
    images, train, test = made()
    monkeypatch.setenv("INKNET_DATA_DIR", str(tmp_path))
    write_labels(tmp_path, "train", train[::-1])
    write_labels(tmp_path, "test", test)
    says = refusal(lambda: writers.with_writers(images, "mnist"))
    assert "QMNIST's files of labels are not of its 80 + 20 images" in says
    write_labels(tmp_path, "train", train[:, :7])
    assert "80 rows of 7, expected 8" in refusal(lambda: writers.with_writers(images, "mnist"))


def test_without_the_file_one_line_says_where_to_get_it_and_to_put_it(tmp_path, monkeypatch):
    monkeypatch.setenv("INKNET_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path / "cache")
    monkeypatch.setattr(writers, "fetch_file", lambda *_: ["github.com: no connection"])
    says = refusal(lambda: writers.hands_of("train"))
    assert "\n" not in says
    for part in ("qmnist-train-labels-idx2-int.gz", "facebookresearch/qmnist", "INKNET_DATA_DIR"):
        assert part in says


@pytest.mark.skipif(not has_mnist(), reason="needs MNIST in INKNET_DATA_DIR")
def test_the_writers_of_mnist_are_as_published(monkeypatch):
    monkeypatch.setattr(writers, "fetch_file", lambda *_: ["not tried"])  # a test downloads nothing
    beside = Path(os.environ.get("INKNET_DATA_DIR", ".")).parent
    if (beside / "qmnist").is_dir():  # one folder has both
        monkeypatch.setenv("INKNET_DATA_DIR", str(beside))
    try:
        whole = load("mnist", groups="writers")
    except InputError:
        pytest.skip("needs QMNIST's labels in INKNET_DATA_DIR")
    train, test = whole.groups[:60_000], whole.groups[60_000:]
    assert (len(np.unique(train)), len(np.unique(test))) == (539, 297)
    assert not np.isin(test, train).any()
    parts = split(whole, np.random.default_rng(0), validation=1 / 6)
    assert are_apart(groups_of(parts))
    assert abs(len(parts.validation) - 10_000) < 30
    plain = split(whole, np.random.default_rng(0), validation=1 / 6, holdout="samples")
    assert len(groups_of(plain)[0] & groups_of(plain)[1]) > 500
