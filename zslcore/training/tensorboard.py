"""Live curves of a training in TensorBoard, if it is installed (``pip install tensorboard``)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def logbook(folder: Path | None, begun: int = 0, *, enabled: bool = True) -> Iterator[Callable]:
    """A function ``log(epoch, row)`` that writes the numbers of a row to event files in ``FOLDER/tensorboard``.

    It does nothing if there is no folder or no TensorBoard, or if not ``enabled``. ``begun`` is the first epoch of a
    resumed training; older events from there on are hidden.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        SummaryWriter = None
    if folder is None or SummaryWriter is None or not enabled:
        yield lambda epoch, row: None
        return
    with SummaryWriter(str(folder / "tensorboard"), purge_step=begun) as writer:

        def log(epoch: int, row: dict[str, float]) -> None:
            for name, value in row.items():
                if name != "epoch":
                    writer.add_scalar(name, value, epoch)
            writer.flush()

        yield log
