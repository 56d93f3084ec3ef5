"""A client of a notebook's kernel that cannot miss the reply of a cell.

While nbclient waits for this reply, it may send messages for an ``Output`` widget of ipywidgets. pyzmq may then miss
the arrival of the reply, because a socket signals a new message only once. A plain client would wait forever.
"""

import contextlib
from queue import Empty

from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel

SECONDS = 1  # between two checks for a message


class _LookingChannel(AsyncZMQSocketChannel):
    async def get_msg(self, timeout: float | None = None) -> dict:
        while timeout is None:
            with contextlib.suppress(Empty):
                return await super().get_msg(SECONDS)
        return await super().get_msg(timeout)


class LookingClient(AsyncKernelClient):
    """A client of a kernel that also checks for replies every second."""

    shell_channel_class = _LookingChannel
