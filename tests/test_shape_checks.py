"""The shapes and types of arguments are checked in the tests, up to a number of checks."""

import jaxtyping
import pytest
import shape_checks
import torch

from zslcore import metrics
from zslcore.losses import l2_normalize


def wrong_call():
    metrics.per_class_accuracy(torch.zeros(3), torch.zeros(3, 1))


def test_a_wrong_shape_is_found():
    with pytest.raises(jaxtyping.TypeCheckError):
        wrong_call()


def test_checks_end_at_the_limit_and_begin_again():
    for _ in range(shape_checks.CHECKS):
        l2_normalize(torch.ones(1, 2))
    assert jaxtyping.config.jaxtyping_disable
    shape_checks.start()
    with pytest.raises(jaxtyping.TypeCheckError):
        wrong_call()
