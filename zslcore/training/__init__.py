"""From a config to a run folder: objective, training loop, protocols, checkpoints and inputs."""

from zslcore.training.fit import default_folder, fit, fit_all
from zslcore.training.run import Run

__all__ = ["Run", "default_folder", "fit", "fit_all"]
