"""The map of rebalancing: ReMSE, MSE and a control at the same lambda, over class splits, lambdas, networks, vectors.

``equal_lambda`` divides ReMSE's loss by its amplification, so that all three have the same loss value in every batch.
They differ only in how strongly each cell contributes to the gradient. The replicates are random class splits.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from zslcore.analysis import theil_index
from zslcore.config import RunConfig
from zslcore.data import load_benchmark
from zslcore.data.class_splits import split_classes
from zslcore.data.tasks import fold_tasks, test_task, validation_task
from zslcore.errors import InputError
from zslcore.losses import cosine_cross_entropy, mse_loss
from zslcore.training.device import resolve_device
from zslcore.training.errors_by_class import prediction_errors
from zslcore.training.evaluation import evaluate
from zslcore.training.inputs.episodes import draw_episodes
from zslcore.training.inputs.sources import load_inputs
from zslcore.training.loop import train
from zslcore.training.objective import regression_loss, seen_vectors
from zslcore.training.protocols import fold_config, validation_means
from zslcore.training.run import environment, restore_model

ARMS = {
    "mse": {"loss": "mse"},
    "remse": {"loss": "remse", "equal_lambda": True},
    "remse_permuted": {"loss": "remse_permuted", "equal_lambda": True},
}
ALONE = 3000.0  # lambda where the regression is the only loss: it only sets the step size
GRADIENT_BATCHES = 20
GAMMA_FROM = ("folds", "validation")  # which trainings choose gamma


def map_configs(
    dataset: str, *, splits: Sequence[int], seeds: Sequence[int], lams: Sequence[float], **changes: object
) -> list[RunConfig]:
    """Configs of the map: cross entropy alone, each arm at each lambda, and each arm without cross entropy.

    Args:
        dataset: name of a data set.
        splits: numbers of class splits, 0 for the benchmark's own.
        seeds: seeds of each split.
        lams: weights of the regression loss; ``inf`` for the regression alone.
        changes: other settings of all configs.
    """
    base = RunConfig.study(dataset, method="remse", **changes)
    configs = []
    for split in splits:
        for seed in seeds:
            one = base.replace(class_split=split, seed=seed)
            configs.append(one.replace(loss="none", lam=0.0))
            for lam in lams:
                weights = {"lam_cls": 0.0, "lam": ALONE} if np.isinf(lam) else {"lam": lam}
                configs.extend(one.replace(**weights, **arm) for arm in ARMS.values())
    return configs


def vector_configs(
    dataset: str,
    *,
    splits: Sequence[int],
    seeds: Sequence[int],
    kinds: Sequence[str],
    scales: Sequence[float],
    **changes: object,
) -> list[RunConfig]:
    """Configs of cross entropy alone with each kind of class vectors at each scale."""
    base = RunConfig.study(dataset, method="cross_entropy", **changes)
    configs = []
    for split in splits:
        for seed in seeds:
            for kind in kinds:
                for scale in scales:
                    configs.append(base.replace(class_split=split, seed=seed, attribute_vectors=kind, scale=scale))
    return configs


def varied_settings(config: RunConfig) -> dict[str, object]:
    """The settings that the map varies, as the first columns of a row; ``lam`` is inf for the regression alone.

    Example:
        >>> varied_settings(RunConfig(dataset="SYNTH", loss="mse", lam_cls=0))["lam"]
        inf
    """
    return {
        "dataset": config.dataset,
        "network": config.network,
        "fine_tune": config.fine_tune,
        "image_size": config.image_size,
        "class_split": config.class_split,
        "seed": config.seed,
        "vectors": config.attribute_vectors,
        "scale": config.scale,
        "method": "cross_entropy" if config.loss == "none" else config.loss,
        "lam": 0.0 if config.loss == "none" else np.inf if config.lam_cls == 0 else config.lam,
    }


def map_row(config: RunConfig, *, gamma_from: str = "folds") -> pd.DataFrame:
    """Train a config and measure it after the last epoch, so that no choice of an epoch adds noise.

    Args:
        config: what to train.
        gamma_from: ``"folds"``, three folds of the seen classes, as in the protocol ``clean``; or ``"validation"``, the
            validation split, where the val classes act as unseen. The latter takes a third less time.

    Returns:
        One row: the settings that the map varies; ``unseen_share``, the share of all classes that are unseen; on the
        test split ``T1``, ``AUSUC`` and ``H`` (percent; at the mean of the best gammas of the folds after their last
        epoch, or at that of the validation split) and ``oracle_H`` (gamma from the test split); ``validation_T1`` and
        ``validation_H``, means over the folds or of the validation split; ``gamma_from``; over the error cells of the
        seen and of the unseen test images the mean, the Theil index, the 99th percentile and the mean of the worst
        attribute; ``seconds`` and ``device``.

    Raises:
        InputError: if ``gamma_from`` is another word, or if the training diverges.
    """
    if gamma_from not in GAMMA_FROM:
        raise InputError(f"gamma_from must be one of {', '.join(GAMMA_FROM)}, got {gamma_from!r}")
    row = varied_settings(config)
    whole = load_benchmark(config.dataset)
    benchmark = split_classes(whole, config.class_split)
    inputs = load_inputs(config, whole, resolve_device(config.device))
    if gamma_from == "folds":
        tasks = [(task, fold_config(config, benchmark, task)) for task in fold_tasks(benchmark)]
    else:
        tasks = [(validation_task(benchmark), config)]
    trained = [train(settings, benchmark, inputs, task, progress=False) for task, settings in tasks]
    validation = validation_means([one.rows[-1] for one in trained])
    final = train(config, benchmark, inputs, test_task(benchmark), progress=False)
    model = restore_model(config, benchmark, final.state, inputs.device)
    row["unseen_share"] = round(len(benchmark.unseen_classes) / len(benchmark.class_names), 4)
    evaluation = evaluate(config, model, inputs, benchmark, test_task(benchmark))
    row["T1"], row["AUSUC"] = 100 * evaluation.t1, 100 * evaluation.curve.ausuc
    row["H"] = 100 * evaluation.at(validation["gamma"])["H"]
    row["oracle_H"] = 100 * evaluation.best()["H"]
    for name in ("T1", "H"):
        row[f"validation_{name}"] = 100 * validation[name]
    row["gamma_from"] = gamma_from
    for split, errors in zip(("seen", "unseen"), prediction_errors(config, model, inputs, benchmark)):
        cells = errors[~np.isnan(errors).all(1)]
        row[f"{split}_mean"] = cells.mean()
        row[f"{split}_theil"] = theil_index(cells)
        row[f"{split}_p99"] = np.quantile(cells, 0.99)
        row[f"{split}_worst_attribute"] = cells.mean(0).max()
    row["seconds"] = sum(one.seconds for one in [*trained, final])
    row["device"] = environment(inputs.device)["device"]
    frame = pd.DataFrame([row])
    accuracies = ["T1", "AUSUC", "H", "oracle_H", "validation_T1", "validation_H"]
    frame[accuracies] = frame[accuracies].round(2)
    return frame.round({name: 7 for name in frame.columns if "seen_" in name} | {"seconds": 1})


def gradient_row(config: RunConfig) -> pd.DataFrame:
    """Train a config, and compare the gradients of cross entropy, MSE and ReMSE with respect to the network's weights.

    Returns:
        One row: ``dataset``, ``class_split``, ``seed``; ``cosine`` of the gradients of ReMSE and MSE, the
        ``orthogonal`` share of ReMSE's squared gradient, and ``relative``, the norm of the MSE's gradient at lambda 1
        over that of the cross entropy; and ``device``. They are means over 20 training batches, after the last epoch.
    """
    whole = load_benchmark(config.dataset)
    benchmark = split_classes(whole, config.class_split)
    task, inputs = test_task(benchmark), load_inputs(config, whole, resolve_device(config.device))
    final = train(config, benchmark, inputs, task, progress=False)
    model = restore_model(config, benchmark, final.state, inputs.device)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    vectors = torch.from_numpy(seen_vectors(config, benchmark, task)).to(inputs.device)
    remse = regression_loss(config.replace(loss="remse"), benchmark, task).to(inputs.device)
    labels = task.relabel(benchmark.labels[task.train])
    rng, rows = np.random.default_rng(config.seed), []
    sizes = {"ways": config.ways, "shots": config.shots, "episodes": GRADIENT_BATCHES}
    for batch in draw_episodes(labels, **sizes, rng=rng):
        prediction, of_batch = model(inputs[task.train[batch]]), torch.from_numpy(labels[batch]).to(inputs.device)
        target = vectors[of_batch]
        losses = (
            cosine_cross_entropy(prediction, vectors, of_batch, scale=config.scale),
            mse_loss(prediction, target).mean(),
            remse(prediction, target, of_batch),
        )
        gradients = []
        for loss in losses:
            parts = torch.autograd.grad(loss, weights, retain_graph=True)
            gradients.append(torch.cat([part.flatten() for part in parts]).double())
        entropy, plain, weighted = gradients
        cosine = torch.cosine_similarity(plain, weighted, dim=0).item()
        rows.append((cosine, 1 - cosine**2, (plain.norm() / entropy.norm()).item()))
    means = pd.DataFrame(rows, columns=["cosine", "orthogonal", "relative"]).mean().round(5).to_dict()
    place = {"dataset": config.dataset, "class_split": config.class_split, "seed": config.seed}
    return pd.DataFrame([place | means | {"device": environment(inputs.device)["device"]}])
