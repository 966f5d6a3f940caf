"""A recipe decides a run; a wrong one is refused with the key, the value and what is allowed."""

import tomllib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inknet.errors import InputError
from inknet.recipes import Recipe, load_recipe, recipe_names, training_recipe
from inknet.recipes.schema import Part


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe_is_sound_and_carries_its_name(name: str) -> None:
    assert load_recipe(name).name == name


def test_digits_and_final_ship() -> None:
    assert {"digits", "final"} <= set(recipe_names())


def test_final_has_the_parameters_of_the_published_example() -> None:
    final = load_recipe("final")
    architecture = final.network.architecture(784, 10)
    assert list(architecture.layer_dims) == [784, 128, 64, 32, 10]
    assert list(architecture.activations) == ["leaky_relu"] * 3 + ["softmax"]
    assert list(architecture.keep_probs) == [0.7, 0.7, 0.7, 1.0]
    training = final.training
    assert (training.l2_lambda, training.learning_rate, training.epochs) == (0.01, 0.01, 50)
    assert (training.batch_size, training.patience) == (128, 10)
    assert (final.data.limit, final.data.official_test) == (42_000, False)
    assert (final.data.validation, final.data.test) == (0.1, 0.1)


def test_a_retired_recipe_is_read_as_the_one_that_takes_its_place() -> None:
    with pytest.warns(FutureWarning, match="the recipe record is retired; strong takes its place"):
        assert load_recipe("record") == load_recipe("strong")


@given(
    seed=st.integers(0, 2**63 - 1),
    hidden=st.lists(st.integers(1, 2000), max_size=4),
    rate=st.floats(1e-9, 10),
    patience=st.none() | st.integers(1, 100),
    source=st.text(),
)
def test_a_recipe_survives_the_way_through_toml(
    seed: int, hidden: list[int], rate: float, patience: int | None, source: str
) -> None:
    recipe = Recipe.model_validate(
        {
            "seed": seed,
            "data": {"source": source},
            "network": {"hidden": hidden},
            "training": {"learning_rate": rate, "patience": patience},
        }
    )
    assert Recipe.model_validate(tomllib.loads(recipe.to_toml())) == recipe


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("training.batch_size=64", 64),
        ("training.batch_size=all", "all"),
        ('training.batch_size="all"', "all"),
    ],
)
def test_a_change_is_written_as_in_toml_and_a_bare_word_is_a_string(
    change: str, expected: object
) -> None:
    assert load_recipe("digits", [change]).training.batch_size == expected


def test_none_takes_an_optional_key_back() -> None:
    recipe = load_recipe("final", ["training.patience=none", "data.limit=none"])
    assert recipe.training.patience is None
    assert recipe.data.limit is None
    assert load_recipe("digits", ["network.batch_norm=none"]).network.batch_norm == "none"


def test_a_later_change_wins() -> None:
    assert load_recipe("digits", ["seed=1", "seed=2"]).seed == 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            "training.batchsize=3",
            "training.batchsize is not a recipe key; did you mean training.batch_size?",
        ),
        ("colour=1", "colour is not a recipe key; expected one of name, seed"),
        (
            "training.batch_size=0",
            "training.batch_size is 0; expected greater than or equal to 1 or 'all'",
        ),
        ("training.batch_size=1.5", "training.batch_size is 1.5; expected"),
        (
            "training.learning_rate=fast",
            "training.learning_rate is 'fast'; expected a valid number",
        ),
        ("training.learning_rate=0.0", "training.learning_rate is 0.0; expected greater than 0"),
        ("training.learning_rate=nan", "training.learning_rate is nan; expected a finite number"),
        ("training.epochs=true", "training.epochs is True; expected a valid integer"),
        ("training.label_smoothing=1.0", "training.label_smoothing is 1.0; expected less than 1"),
        ("training.optimizer=sgd", "expected 'gradient_descent', 'momentum', 'adam' or 'adamw'"),
        (
            "training.weight_decay=0.1",
            "[training] weight_decay is 0.1 and optimizer adam; it needs adamw",
        ),
        ("augment.rotation=-1.0", "augment.rotation is -1.0; expected greater than or equal to 0"),
        ("augment.tilt=1", "augment.tilt is not a recipe key; expected one of rotation, shear"),
        ("augment.elastic_sigma=0.1", "augment.elastic_sigma is 0.1; expected greater than"),
        ("training.patience=0", "training.patience is 0; expected greater than or equal to 1"),
        ("network.hidden=[0]", "network.hidden"),
        (
            "network.keep_probs=0.0",
            "[network] keep_probs is [0.0, 0.0, 1.0]; expected probabilities above 0",
        ),
        (
            "network.keep_probs=[0.5]",
            "[network] keep_probs has 1 entries; expected 2, one for each hidden",
        ),
        ("network.activations=['relu']", "[network] activations has 1 entries; expected 2"),
        (
            "network.activations=['relu', 'softmax']",
            "expected 'relu', 'leaky_relu', 'sigmoid' or 'tanh'",
        ),
        (
            "network.batch_norm=true",
            "network.batch_norm is True; expected 'none', 'before' or 'after'",
        ),
        ("network.bias_start=inf", "[network] bias_start is inf; expected a number within"),
        ("data.test=1.5", "data.test is 1.5; expected less than 1"),
        ("data.test=0.95", "[data] validation 0.1 and test 0.95 together leave nothing"),
        ("data.limit=0", "data.limit is 0; expected greater than or equal to 1"),
        ("training=3", "training is 3; expected a valid dictionary"),
        ("seed=-1", "seed is -1; expected greater than or equal to 0"),
        ("seed", "--set seed: expected key=value"),
        ("=3", "--set =3: expected key=value"),
        ("seed.deep=3", "seed is {'deep': 3}; expected a valid integer"),
        ("[trainning]=1", "[trainning] is not a recipe key"),
        ("trainning.epochs=1", "trainning is not a recipe key; did you mean training?"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_what_is_allowed(change: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        load_recipe("digits", [change])
    message = str(caught.value)
    assert "\n" not in message
    assert says in message


def test_an_unknown_recipe_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"no recipe is called 'digit'; expected clothes, digits"):
        load_recipe("digit")


def test_a_file_that_is_missing_or_not_toml_is_named(tmp_path) -> None:
    missing, broken, binary = (
        tmp_path / f"{name}.toml" for name in ("missing", "broken", "binary")
    )
    broken.write_text("[training\n")
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (missing, broken, binary):
        with pytest.raises(InputError) as caught:
            load_recipe(str(path))
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("#" * 70_000, "larger than any recipe"),
        (f"seed.{'.'.join('a' * 20_000)} = 1", "line 1 has 40,008 characters"),
        (f"seed.{'.'.join('a' * 2_000)} = 1", "line 1 has more than 300 dots"),
        (f"seed.{'.'.join('a' * 200)} = 1", "nested too deep"),
        (f"a = {'[' * 9_000}", "nested too deep"),
        (f"a = {'{b=' * 3_000}1{'}' * 900}", "nested too deep"),
        (f"seed = 0x{'f' * 9_000}", "an integer of more than 64 bits"),
        (f"seed = {'9' * 9_000}", "not valid TOML"),
        (f"[network]\nhidden = [{'1, ' * 1_000}]", "hidden is [1, 1, 1"),
        ('"two\\nlines" = 1', "two\\nlines is not a recipe key"),
        (f'name = "{"a" * 2_000}"', "at most 1000 characters"),
    ],
)
def test_toml_of_absurd_depth_or_size_is_refused_in_one_short_line(tmp_path, text, says) -> None:
    path = tmp_path / "absurd.toml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_recipe(str(path))
    message = str(caught.value)
    assert says in message
    assert message.isprintable()
    assert len(message) < 1_000


def test_a_file_is_named_after_itself_unless_it_says_otherwise(tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("seed = 4\n")
    assert load_recipe(str(path)).name == "mine"
    path.write_text('name = "other"\n')
    assert load_recipe(str(path)).name == "other"


def test_training_settings_of_the_library_are_checked_by_the_same_table() -> None:
    with pytest.raises(InputError, match="patience is 0; expected greater than or equal to 1"):
        training_recipe(patience=0)


def test_a_recipe_of_an_older_run_is_read_though_it_has_a_key_that_was_retired(tmp_path) -> None:
    path = tmp_path / "older.toml"
    path.write_text("[augment]\nshift = 1.0\ngentle_classes = []\n")
    recipe = load_recipe(str(path))
    assert recipe.augment.shift == 1
    assert "gentle_classes" not in recipe.to_toml()


def test_a_retired_key_that_would_do_something_is_refused_by_name(tmp_path) -> None:
    path = tmp_path / "older.toml"
    path.write_text('[augment]\ngentle_classes = ["1", "7"]\n')
    with pytest.raises(InputError) as caught:
        load_recipe(str(path))
    assert "[augment] gentle_classes is ['1', '7']; this key was retired" in str(caught.value)


def _limits(part: type, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Each numeric key of a table and its tables, with the ends of its range."""
    for name, field in part.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Part):
            yield from _limits(field.annotation, f"{prefix}{name}.")
            continue
        text = repr(field)
        kind = "int" if "int" in text else "float" if "float" in text else ""
        for value in {"int": (0, 1, 2**63 - 1), "float": (0.0, 5e-324, 0.5, 1e-9, 1e308)}.get(
            kind, ()
        ):
            yield f"{prefix}{name}", value


def test_every_number_at_the_ends_of_its_range_is_read_as_it_was_written(tmp_path) -> None:
    path, n_read = tmp_path / "recipe.toml", 0
    for key, value in _limits(Recipe):
        listed = [value] if key in ("network.hidden", "network.keep_probs") else value
        sets = (
            {key: listed, "network.hidden": [3]} if key == "network.keep_probs" else {key: listed}
        )
        try:
            recipe = load_recipe("digits", settings=sets)
        except InputError:
            continue
        path.write_text(recipe.to_toml(), "utf-8")
        assert load_recipe(str(path)) == recipe
        n_read += 1
    assert n_read > 60


@pytest.mark.parametrize("seed", [2**63, 2**64, 10**30, -1])
def test_a_seed_that_toml_has_no_room_for_is_refused(seed) -> None:
    with pytest.raises(InputError, match=f"seed is {seed}; expected"):
        load_recipe("digits", seed=seed)
    assert load_recipe("digits", seed=2**63 - 1).seed == 2**63 - 1


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"name": "." * 400}, "more than 300 dots"),
        ({"data.source": "/x" * 6_000}, "expected at most 10,000"),
        ({"data.source": "a\udc80b"}, "not UTF-8"),
        ({"network.hidden": [2**62] * 999, "network.keep_probs": [1 / 3] * 999,
          "network.activations": ["leaky_relu"] * 999}, "takes more than 65,536 bytes"),
    ],
)  # fmt: skip
def test_a_recipe_that_could_not_be_read_again_is_refused_first(settings, says) -> None:
    with pytest.raises(InputError) as caught:
        load_recipe("digits", settings=settings)
    assert says in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_byte_order_mark_before_a_recipe_is_no_part_of_it(tmp_path) -> None:
    """As editors on Windows write it."""
    path = tmp_path / "mine.toml"
    path.write_text("seed = 7\n", "utf-8-sig")
    assert path.read_bytes()[:3] == b"\xef\xbb\xbf"
    assert load_recipe(str(path)).seed == 7
