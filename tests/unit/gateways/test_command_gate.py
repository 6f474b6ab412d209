"""Commands on their way out: the adapter's window, order, and what happens when it does not acknowledge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.messages.gateway import Command
from actors.messages.link import ShowTyping
from gateways.server.commands import CommandGate, HeldTooMany

TYPING = ShowTyping("c", True)


def commands(*numbers: int, source: str = "7") -> list[Command]:
    """Commands with these numbers."""
    return [Command(source, number, TYPING) for number in numbers]


def taken(gate: CommandGate) -> list[int]:
    """The numbers that leave now."""
    return [command.number for command in iter(gate.take, None)]


def test_no_more_than_the_window_is_in_flight() -> None:
    """An adapter that asked for two at a time gets two at a time."""
    gate = CommandGate(2, 100)
    gate.offer(commands(1, 2, 3, 4))
    assert (taken(gate), gate.in_flight, gate.held) == ([1, 2], 2, 2)
    gate.acknowledge("7", 1)
    assert taken(gate) == [3]


def test_acknowledgements_are_cumulative_for_each_source() -> None:
    """One acknowledgement frees all up to it, and nothing of other sources."""
    gate = CommandGate(10, 100)
    gate.offer([*commands(1, 5, 9), *commands(2, 3, source="8")])
    taken(gate)
    assert (gate.acknowledge("7", 5), gate.in_flight) == (True, 3)
    assert (gate.acknowledge("7", 5), gate.in_flight) == (False, 3)
    assert (gate.acknowledge("9", 5), gate.in_flight) == (False, 3)


def test_what_was_never_sent_is_not_acknowledged() -> None:
    """An adapter that acknowledges more than it was sent is taken to mean what it was sent: the rest is still to come."""
    gate = CommandGate(2, 100)
    gate.offer(commands(1, 5, 9))
    taken(gate)
    assert [5, 5, 4, 0] == [gate.sent("7", 2**60), gate.sent("7", 9), gate.sent("7", 4), gate.sent("8", 9)]
    assert (gate.acknowledge("7", 2**60), gate.in_flight, taken(gate)) == (True, 0, [9])


def test_passing_commands_need_no_room_but_do_not_wait_either() -> None:
    """Typing marks are sent while nothing is held back, and dropped while something is."""
    gate = CommandGate(1, 100)
    gate.offer(commands(0, 1, 0))
    assert taken(gate) == [0, 1]
    gate.offer(commands(0))
    assert taken(gate) == [0]
    gate.offer(commands(2, 0))
    gate.acknowledge("7", 1)
    assert taken(gate) == [2]


def test_an_adapter_that_never_acknowledges_is_found_out() -> None:
    """Memory for one link is bounded."""
    gate = CommandGate(1, 3)
    gate.offer(commands(1))
    taken(gate)
    gate.offer(commands(2, 3, 4))
    with pytest.raises(HeldTooMany):
        gate.offer(commands(5))


@given(st.lists(st.integers(1, 5), max_size=30), st.integers(1, 4))
def test_numbered_commands_leave_once_and_in_order(bursts: list[int], window: int) -> None:
    """However slowly an adapter acknowledges, it gets every numbered command exactly once and in order."""
    gate = CommandGate(window, 10_000)
    number, seen = 0, []
    for burst in bursts:
        gate.offer(commands(*range(number + 1, number + burst + 1)))
        number += burst
        seen += taken(gate)
        assert gate.in_flight <= window
        gate.acknowledge("7", seen[-1] if seen else 0)
    while gate.ready():
        seen += taken(gate)
        gate.acknowledge("7", seen[-1])
    assert seen == list(range(1, number + 1))
