"""The grids of trainings behind ``results/``: ``python -m zslcore.study.experiments DATASET NAME``."""
