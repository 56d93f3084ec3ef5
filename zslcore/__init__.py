"""zslcore: rebalanced mean squared error (ReMSE) for zero-shot learning, and the study that tests it."""
