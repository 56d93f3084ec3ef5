"""A reply whose arrival was missed is found."""

import asyncio

import zmq
import zmq.asyncio
from jupyter_client.session import Session

from zslcore.study.running.kernel_client import LookingClient
from zslcore.study.running.notebook_runner import _kernel_manager


async def missed_reply(channel_class):
    """The type of a message that arrives while a channel waits, if something else looks at its socket first."""
    with (
        zmq.asyncio.Context() as context,
        context.socket(zmq.PAIR) as receiver,
        zmq.Context.shadow(context.underlying).socket(zmq.PAIR) as sender,
    ):
        receiver.bind("inproc://reply")
        sender.connect("inproc://reply")
        session = Session(key=b"")
        channel = channel_class(receiver, session)
        waiting = asyncio.ensure_future(channel.get_msg())
        await asyncio.sleep(0.1)
        session.send(sender, "execute_reply")
        zmq.Socket.shadow(receiver.underlying).get(zmq.EVENTS)  # as a send on this socket does
        message = await asyncio.wait_for(waiting, timeout=5)
        return message["msg_type"]


def test_a_missed_reply_is_found():
    """A notebook with an interactive figure waited for ever, in one of ten runs."""
    assert asyncio.run(missed_reply(LookingClient.shell_channel_class)) == "execute_reply"


def test_notebooks_use_it():
    assert type(_kernel_manager()().client()) is LookingClient
