"""Display names of methods, losses and null models."""

from zslcore.closed_form import SOLVERS
from zslcore.criteria import CRITERIA
from zslcore.methods import BASELINES, CHOSEN_SETTINGS, DISPLAY_NAMES, METHODS, display_name

NULL_MODELS = {"constant", "multiplicative", "shrinkage", "missing_mean", "image_labels", "permuted"}


def test_every_method_loss_and_null_model_has_a_name_of_its_own():
    assert set(DISPLAY_NAMES) == {*METHODS, *CRITERIA, *BASELINES, *NULL_MODELS}
    assert len(set(DISPLAY_NAMES.values())) == len(DISPLAY_NAMES)


def test_methods_come_first_in_their_order():
    assert list(DISPLAY_NAMES)[: len(METHODS)] == list(METHODS)
    assert set(CHOSEN_SETTINGS) < set(METHODS)
    assert {content["loss"] for content in BASELINES.values()} == set(SOLVERS)


def test_unknown_names_are_unchanged():
    assert display_name("my loss") == "my loss"
