"""What notebook 02 says of the causes, on predictions whose causes are known."""

import pandas as pd
import pytest

from zslcore.study.chapters.cause_tables import labels_sentence, mean_sentence, stored_oracle

STATES = ["as predicted", "mean put back"]


def causes_frame(missing_mean):
    row = {"split": "seen classes", "cosine": 0.03, "bias": 0.63, "bias along the mean": 0.47, "R2 constant": 0.21}
    frame = pd.DataFrame([row | {"state": state} for state in STATES])
    return frame.assign(**{"mean error": [0.0037, 0.0018], "R2 missing mean": missing_mean})


@pytest.mark.parametrize(
    ("explained", "verdict"),
    [(0.59, "The missing mean explains which cells"), (0.25, "The missing mean does not explain which cells")],
)
def test_sentence_of_the_missing_mean(explained, verdict):
    text = mean_sentence(causes_frame(explained))
    assert f"**{verdict} have large errors on this data set.**" in text
    assert f"a missing mean explains {100 * explained:.0f} % of the variance of the error cells" in text
    assert "constant noise 21 %" in text
    assert "falls from 3.7 to 1.8 (times 1000)" in text


def test_little_of_little_is_no_explanation():
    """Four per cent are more than minus two, but explain next to nothing."""
    assert "does not explain" in mean_sentence(causes_frame(0.04).assign(**{"R2 constant": -0.1}))


def test_sentence_of_the_image_labels():
    row = {"method": "cross_entropy", "correlation": 0.3, "shuffled": 0.04, "low": 0.01, "high": 0.06}
    frame = pd.DataFrame([row | {"split": "seen classes"}, row | {"split": "unseen classes", "correlation": 0.05}])
    text = labels_sentence(frame)
    assert "0.30 on seen classes, more than chance (shuffled images: 0.04, 0.01 to 0.06)" in text
    assert text.endswith("and of 0.05 on unseen classes, not more than chance (shuffled images: 0.04, 0.01 to 0.06).")
    assert "(shuffled images: 0.00, −0.01 to 0.00)" in labels_sentence(frame.assign(shuffled=-0.001, low=-0.01, high=0))


def test_the_table_of_the_detector_is_that_of_the_design():
    """Measured on the real labels: CUB 0.76 and 0.76, SUN 0.82 and 0.87."""
    table = stored_oracle().set_index("dataset")
    assert table.loc[["CUB", "SUN"], "within classes"].tolist() == [0.76, 0.82]
    assert table.loc[["CUB", "SUN"], "within attributes"].tolist() == [0.76, 0.87]
