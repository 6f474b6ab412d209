"""Who is there for each queue: told when the first comes or the last leaves, and only once everybody was heard."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.address import Address, address
from actors.messages.queue import Staffing
from actors.router.staffing import Attending
from actors.values import Attendance

QUEUES = [address("queue", name) for name in ("sales", "support", "billing")]
AGENTS = [address("agent", name) for name in ("ann", "bob", "cat")]
ANN, BOB, _ = AGENTS
SALES = QUEUES[0]

STEPS = st.one_of(
    st.tuples(st.just("serves"), st.sampled_from(AGENTS), st.sets(st.sampled_from(QUEUES)).map(sorted).map(tuple)),
    st.tuples(st.just("attends"), st.sampled_from(AGENTS), st.sampled_from(Attendance)),
    st.tuples(st.just("forget"), st.sampled_from(AGENTS), st.none()),
    st.tuples(st.just("news"), st.just(ANN), st.none()),
)


@given(st.lists(STEPS, max_size=40))
def test_what_was_told_is_what_a_count_finds(steps: list[tuple[str, Address, object]]) -> None:
    """After any changes queues have been told exactly what counting everybody anew gives, and nothing twice."""
    attending, serves, there = Attending(), dict[Address, tuple[Address, ...]](), dict[Address, Attendance]()
    attending.ask(QUEUES, ())
    told: dict[Address, Staffing] = {}
    for what, agent, value in [*steps, ("news", ANN, None)]:
        match what, value:
            case "serves", tuple() as queues:
                attending.serves(agent, queues)
                serves[agent] = queues
            case "attends", Attendance() as attendance:
                attending.attends(agent, attendance)
                there[agent] = attendance
            case "forget", _:
                attending.forget(agent)
                serves.pop(agent, None)
                there.pop(agent, None)
            case _:
                for queue, staffing in attending.news():
                    assert told.get(queue) != staffing, "nothing is told twice"
                    told[queue] = staffing
    for queue in QUEUES:
        found = [there.get(agent, Attendance.ABSENT) for agent, queues in serves.items() if queue in queues]
        signed_in = any(attendance is not Attendance.ABSENT for attendance in found)
        assert told[queue] == Staffing(signed_in, Attendance.AVAILABLE in found)


def test_nothing_is_told_before_everybody_was_heard() -> None:
    """A router that lost its picture asks everybody; until the last one has answered, it keeps quiet."""
    attending = Attending()
    attending.ask([SALES], AGENTS[:2])
    attending.serves(ANN, (SALES,))
    attending.attends(ANN, Attendance.AVAILABLE)
    assert attending.news() == [], "bob may be there as well"
    attending.attends(BOB, Attendance.ABSENT)
    assert attending.news() == [(SALES, Staffing(True, True))]


def test_an_agent_who_is_gone_is_not_waited_for() -> None:
    """One who is taken out of the configuration before answering holds nobody up."""
    attending = Attending()
    attending.ask([SALES], [ANN])
    attending.forget(ANN)
    assert attending.news() == [(SALES, Staffing(False, False))]
