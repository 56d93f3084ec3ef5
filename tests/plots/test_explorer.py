"""The explorer of weights: its numbers by simulation and closed form, its sliders by moving them."""

import sys
from io import BytesIO

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from zslcore import InputError, remse_weights
from zslcore._io.extras import MissingExtraError
from zslcore.analysis import noise_weight
from zslcore.plots import explorer
from zslcore.plots.explorer import error_fields, explore, measured_errors, weight_explorer


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_fields_are_balanced_and_not():
    fields = error_fields()
    assert np.ptp(fields["balanced"]) == 0
    assert np.log(fields["imbalanced"]).std() == pytest.approx(explorer.SPREAD, rel=0.1)


@pytest.mark.parametrize("shots", [1, 2, 8])
def test_measured_errors_are_means_of_squared_normal_errors(shots):
    field = np.full((400, 300), 2.5)
    ours = measured_errors(field, shots)
    assert ours.mean() == pytest.approx(2.5, rel=0.02)
    assert ours.var() == pytest.approx(2.5**2 * 2 / shots, rel=0.05)


def test_the_balanced_field_weighs_what_noise_alone_makes():
    """Its weights over classes have the mean that 03_theory derives."""
    weights = [
        remse_weights(torch.from_numpy(measured_errors(error_fields()["balanced"], 2, seed=k)), p=1, p2=0).mean().item()
        for k in range(200)
    ]
    assert np.mean(weights) == pytest.approx(noise_weight(explorer.CLASSES, 2), rel=0.02)


def test_more_shots_weigh_noise_less_and_sharpen_the_pattern():
    numbers = {shots: explore(1.0, 0.0, shots)[1] for shots in (1, 4, 64)}
    noise = [frame.loc["balanced", "mean weight"] for frame in numbers.values()]
    assert noise[0] > noise[1] > noise[2] > 1
    imbalance = [frame.loc["imbalanced", "mean weight"] for frame in numbers.values()]
    assert imbalance[2] > noise[2] + 1
    met = [frame.loc["imbalanced", "correlation with true error"] for frame in numbers.values()]
    assert met[0] < met[1] < met[2]
    assert np.isnan(numbers[1].loc["balanced", "correlation with true error"])


def test_without_exponents_all_weights_are_one():
    _, numbers = explore(0.0, 0.0, 2)
    assert (numbers[["mean weight", "largest weight"]] == 1).all(axis=None)
    assert numbers["correlation with true error"].isna().all()


def test_pictures_show_the_weights_on_shared_scales():
    figure, numbers = explore(0.5, 0.5, 2)
    top_left, top_right, left, right = figure.axes[:4]
    for axis, name in ((left, "balanced"), (right, "imbalanced")):
        shown = axis.images[0].get_array()
        assert shown.mean() == pytest.approx(numbers.loc[name, "mean weight"])
        assert f"{shown.mean():.2f}" in axis.get_title()
    assert left.images[0].get_clim() == right.images[0].get_clim()
    assert top_left.images[0].get_clim() == top_right.images[0].get_clim()


def test_bad_input_is_one_sentence():
    with pytest.raises(InputError, match=r"^shots must be at least 1, got 0$"):
        explore(1.0, 1.0, 0)
    with pytest.raises(InputError, match=r"^p must be a finite number >= 0, got -1\.0$"):
        explore(-1.0, 1.0, 2)


def test_sliders_move_the_picture():
    over_classes, _, images, picture = weight_explorer(p=0.1, p2=0.75, shots=2).children
    shown = [picture.value]
    over_classes.value = 1.5
    shown.append(picture.value)
    images.value = 8
    shown.append(picture.value)
    assert len(set(shown)) == 3
    assert picture.value == weight_explorer(p=1.5, p2=0.75, shots=8).children[3].value
    assert Image.open(BytesIO(picture.value)).width > 500
    assert not plt.get_fignums()


def test_no_widget_is_an_output():
    """While a kernel fills an Output widget, nbclient may miss its reply and wait for ever."""
    kinds = {type(child).__name__ for child in weight_explorer().children}
    assert kinds == {"FloatSlider", "IntSlider", "Image"}


def test_labels_of_sliders_have_room():
    """A character is at most 0.7 em wide; the label has a width of its own."""
    for slider in weight_explorer().children[:3]:
        assert float(slider.style.description_width.removesuffix("em")) >= 0.5 * len(slider.description)
        assert float(slider.layout.width.removesuffix("em")) >= 38


def test_without_ipywidgets_the_way_out_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(MissingExtraError, match=r"^ipywidgets is not installed; run: pip install"):
        weight_explorer()
