"""The same bird drawn twice with one value changed: what changes in the picture is where that group shows."""

import numpy as np
import pytest

from zslcore.synthbirds import picture, schema

VALUES = {group: names[0] for group, names in schema.GROUPS.items()}


def changed(seed: int, first: dict[str, str], second: dict[str, str]) -> tuple[np.ndarray, np.ndarray, dict]:
    pair = [picture.render(values, np.random.default_rng(seed)) for values in (first, second)]
    pixels = [np.asarray(image, dtype=float) for image, _ in pair]
    rows, columns = np.nonzero(np.abs(pixels[0] - pixels[1]).max(axis=2) > 24)
    return rows, columns, pair[1][1]


@pytest.mark.parametrize(
    ("group", "values", "head_pattern", "part"),
    [
        ("leg_color", ("black", "red"), "plain", "leg"),
        ("crown_color", ("black", "white"), "plain", "crown"),
        ("crown_color", ("black", "white"), "crested", "head"),  # a crest has the crown's colour
    ],
)
@pytest.mark.parametrize("seed", range(12))
def test_what_changes_lies_in_the_box(group, values, head_pattern, part, seed):
    bird = VALUES | {"head_pattern": head_pattern}
    rows, columns, parts = changed(seed, *(bird | {group: value} for value in values))
    left, top, right, bottom = parts["extents"][schema.PARTS.index(part)]
    assert len(rows)
    assert (columns >= left - 2).all()  # a resized picture blurs by a pixel or two
    assert (columns <= right + 2).all()
    assert (rows >= top - 2).all()
    assert (rows <= bottom + 2).all()


@pytest.mark.parametrize("seed", range(12))
def test_box_of_the_crown_is_tight(seed):
    white_on_black = (VALUES | {"crown_color": color} for color in ("black", "white"))
    rows, columns, parts = changed(seed, *white_on_black)
    index = schema.PARTS.index("crown")
    if parts["visible"][index] < 1:
        pytest.skip("a twig or blade covers some of it")
    left, top, right, bottom = parts["extents"][index]
    assert [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] == pytest.approx(
        [left, top, right, bottom], abs=4
    )
