"""Bad arguments of the functions and classes that users call."""

import numpy as np
import torch
from bad_inputs.cases import Call, cases

from zslcore import ReMSE, class_error, remse_weights
from zslcore.analysis import gini_index, theil_index
from zslcore.backbone import build_backbone
from zslcore.config import RunConfig
from zslcore.criteria import build_criterion
from zslcore.data.benchmark import Benchmark
from zslcore.losses import cosine_scores, huber_loss, mse_loss
from zslcore.metrics import harmonic_mean, per_class_accuracy, seen_unseen_curve
from zslcore.models import AttentionNet, BasicNet

CASES, bad = cases("Python calls")
NAMES = {
    **{"np": np, "torch": torch, "nan": float("nan"), "inf": float("inf")},
    **{"ReMSE": ReMSE, "class_error": class_error, "remse_weights": remse_weights, "RunConfig": RunConfig},
    **{"mse_loss": mse_loss, "huber_loss": huber_loss, "cosine_scores": cosine_scores, "Benchmark": Benchmark},
    **{
        "build_criterion": build_criterion,
        "build_backbone": build_backbone,
        "theil_index": theil_index,
        "gini_index": gini_index,
    },
    **{"harmonic_mean": harmonic_mean, "per_class_accuracy": per_class_accuracy, "BasicNet": BasicNet},
    **{"seen_unseen_curve": seen_unseen_curve, "AttentionNet": AttentionNet},
    "ones": torch.ones,
    "labels": torch.tensor([0, 1]),
    "remse": ReMSE(num_classes=2, num_attributes=3, p=0.5, p2=0.5, normalize=False),
    "scores": np.array([[3.0, 0.0, 1.0], [1.0, 2.0, 1.5]]),
}

_EXPRESSIONS = {
    "no classes": ("ReMSE(0, 3, p=0.5, p2=0.5)", "num_classes", "0"),
    "half a class": ("ReMSE(2.5, 3, p=0.5, p2=0.5)", "num_classes", "2.5"),
    "true classes": ("ReMSE(True, 3, p=0.5, p2=0.5)", "num_classes", "True"),
    "a negative exponent": ("ReMSE(2, 3, p=-1, p2=0.5)", "p must", "-1"),
    "an exponent NaN": ("ReMSE(2, 3, p=0.5, p2=nan)", "p2", "nan"),
    "an exponent as text": ("ReMSE(2, 3, p='0.5', p2=0.5)", "p must", "'0.5'"),
    "exponents that overflow": ("ReMSE(2, 3, p=90, p2=0.5)", "p + p2", "90.5"),
    "an unknown kind of error": ("ReMSE(2, 3, p=0.5, p2=0.5, kind='rmse')", "kind", "'rmse'"),
    "an unknown memory": ("ReMSE(2, 3, p=0.5, p2=0.5, memory='epoch')", "memory", "'epoch'"),
    "an unknown reference": ("ReMSE(2, 3, p=0.5, p2=0.5, reference='max')", "reference", "'max'"),
    "a quantile of 1": ("ReMSE(2, 3, p=0.5, p2=0.5, reference=1.0)", "reference", "1.0"),
    "a decay of 1": ("ReMSE(2, 3, p=0.5, p2=0.5, decay=1)", "decay", "1"),
    "an unknown control": ("ReMSE(2, 3, p=0.5, p2=0.5, control='shuffled')", "control", "'shuffled'"),
    "directions of one output": ("ReMSE(2, 1, p=0.5, p2=0.5, normalize=True)", "normalize", "one output"),
    "an array as prediction": ("remse(np.ones((2, 3)), ones(2, 3), labels)", "prediction", "ndarray"),
    "a list as target": ("remse(ones(2, 3), [[1, 1, 1]] * 2, labels)", "target", "list"),
    "an attribute too few": ("remse(ones(2, 2), ones(2, 2), labels)", "prediction", "(2, 2)"),
    "an attribute too few in the target": ("remse(ones(2, 3), ones(2, 2), labels)", "target", "(2, 2)"),
    "a target to broadcast": ("remse(ones(2, 3), ones(1, 3), labels)", "target", "(1, 3)"),
    "an empty batch": ("remse(ones(0, 3), ones(0, 3), labels[:0])", "0"),
    "a label of no class": ("remse(ones(2, 3), ones(2, 3), labels + 1)", "labels", "2"),
    "a negative label": ("remse(ones(2, 3), ones(2, 3), labels - 1)", "labels", "-1"),
    "labels as floats": ("remse(ones(2, 3), ones(2, 3), labels.float())", "labels", "float32"),
    "labels as a mask": ("remse(ones(2, 3), ones(2, 3), labels.bool())", "labels", "bool"),
    "a label too few": ("remse(ones(2, 3), ones(2, 3), labels[:1])", "labels", "1"),
    "a mask of numbers": ("remse(ones(2, 3), ones(2, 3), labels, mask=ones(2, 3))", "mask", "float32"),
    "a mask of another shape": ("remse(ones(2, 3), ones(2, 3), labels, mask=ones(2, 1).bool())", "mask", "(2, 1)"),
    "a negative weight": ("remse(ones(2, 3), ones(2, 3), labels, sample_weight=-ones(2))", "sample_weight", "-1"),
    "a weight NaN": ("remse(ones(2, 3), ones(2, 3), labels, sample_weight=nan * ones(2))", "sample_weight", "nan"),
    "a weight too few": ("remse(ones(2, 3), ones(2, 3), labels, sample_weight=ones(1))", "sample_weight", "1"),
    "labels of no class for weights": ("remse.weights_for(labels + 5)", "labels", "6"),
    "an unknown error": ("class_error(ones(2, 3), ones(2, 3), labels, 2, kind='l3')", "kind", "'l3'"),
    "errors of no classes": ("class_error(ones(2, 3), ones(2, 3), labels, 0)", "0"),
    "weights of a negative exponent": ("remse_weights(ones(2, 3), p=0.5, p2=-1)", "p2", "-1"),
    "targets of another shape": ("mse_loss(ones(2, 3), ones(3, 2))", "(3, 2)"),
    "a negative delta": ("huber_loss(ones(2, 3), ones(2, 3), delta=-1)", "delta", "-1"),
    "class vectors of other attributes": ("cosine_scores(ones(2, 3), ones(4, 2), scale=20.0)", "(4, 2)"),
    "an unknown loss": ("build_criterion('l2', ones(2, 3), labels + 1)", "'l2'"),
    "an unknown option of a loss": ("build_criterion('mse', ones(2, 3), labels + 1, delta=1)", "mse", "'delta'"),
    "a loss without its options": ("build_criterion('remse', ones(2, 3), labels + 1)", "p, p2"),
    "counts of no images": ("build_criterion('lds', ones(2, 3), labels * 0)", "counts"),
    "accuracy of nothing": ("per_class_accuracy(np.empty(0, int), np.empty(0, int))", "labels"),
    "accuracy of another length": ("per_class_accuracy(np.arange(3), np.arange(2))", "3", "2"),
    "NaN in scores": (
        "seen_unseen_curve(scores * nan, np.array([0, 1]), scores, np.array([2, 2]), num_seen=2)",
        "finite",
    ),
    "scores without unseen classes": (
        "seen_unseen_curve(scores, np.array([0, 1]), scores, np.array([2, 2]), num_seen=3)",
        "num_seen",
        "3",
    ),
    "a seen label among the unseen ones": (
        "seen_unseen_curve(scores, np.array([0, 1]), scores, np.array([1, 2]), num_seen=2)",
        "labels_unseen",
        "1",
    ),
    "scores of no images": (
        "seen_unseen_curve(scores[:0], np.empty(0, int), scores, np.array([2, 2]), num_seen=2)",
        "seen",
    ),
    "a feature map of other channels": ("BasicNet(16, 5)(ones(2, 8, 7, 7))", "feature_map", "(2, 8, 7, 7)"),
    "a feature map of two axes": ("BasicNet(16, 5)(ones(2, 16))", "feature_map", "(2, 16)"),
    "word vectors of one axis": ("AttentionNet(16, ones(5))", "(5,)"),
    "no keys": ("AttentionNet(16, ones(5, 4), key_dim=0)", "key_dim", "0"),
    "an unknown backbone": ("build_backbone('resnet19')", "'resnet19'"),
    "an image smaller than the stride": (
        "build_backbone('resnet18', weights='random')(ones(1, 3, 16, 16))",
        "resnet18",
        "16",
    ),
    "a setting of another type": ("RunConfig(dataset='TINY', epochs=2.5)", "epochs", "2.5"),
    "a setting that is an array": ("RunConfig(dataset='TINY', lam=np.ones(2))", "lam", "[1., 1.]"),
    "a number as data set": ("RunConfig(dataset=3)", "dataset", "3"),
    "an unknown setting": ("RunConfig.from_dict({'dataset': 'TINY', 'lambda': 1})", "'lambda'"),
    "a data set that is not there": ("Benchmark.load('data', 'NOPE')", "'NOPE'"),
    "a root that is not there": ("Benchmark.load('nowhere', 'TINY')", "nowhere"),
    "a root with NUL": ("Benchmark.load('a\\0b', 'TINY')", "root must have no control"),
    "an unknown split": ("Benchmark.load('data', 'TINY').split('test')", "'test'"),
    "unknown class vectors": ("Benchmark.load('data', 'TINY').vectors('raw')", "'raw'"),
    "no labels of single images": ("Benchmark.load('data', 'TINY').image_attributes", "data/TINY"),
    "no parts": ("Benchmark.load('data', 'TINY').parts()", "data/TINY"),
    "a negative error": ("theil_index(np.array([-1.0, 2.0]))", "-1.0"),
}


def _call(text: str):
    return lambda world: Call(text, lambda: eval(text, dict(NAMES)))


for _what, (_text, *_says) in _EXPRESSIONS.items():
    bad(_what, *_says)(_call(_text))
