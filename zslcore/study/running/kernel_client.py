"""The connection to the process of a notebook, without the waits for ever of a plain one.

nbclient sends messages to the ``Output`` widget of ipywidgets while it waits for the reply of a cell. pyzmq may then
miss that the reply has arrived, because its sockets tell about new messages once.
"""

import contextlib
from queue import Empty

from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel

SECONDS = 1  # between two looks for a message


class _LookingChannel(AsyncZMQSocketChannel):
    async def get_msg(self, timeout: float | None = None) -> dict:
        while timeout is None:
            with contextlib.suppress(Empty):
                return await super().get_msg(SECONDS)
        return await super().get_msg(timeout)


class LookingClient(AsyncKernelClient):
    """A client of a kernel that looks for replies every second, too."""

    shell_channel_class = _LookingChannel
