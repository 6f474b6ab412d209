"""Judges what observers saw: nothing acknowledged is missing (I1), repeats change nothing (I11), no text leaks (I15)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from cluster.invariants.commits import Commits, shard_of_stream
from cluster.invariants.evidence import Answered, Evidence
from cluster.invariants.report import Findings
from cluster.invariants.stories import Stories

#: Shorter texts ("hi", "ok") stand in logs for other reasons.
SHORTEST_TEXT: Final = 8


#: A command's number is `epoch << 32 | n`.
EPOCH_SHIFT: Final = 32


def judge_evidence(
    findings: Findings, stories: Stories, commits: Commits, evidence: Evidence, trimmed: Collection[str]
) -> None:
    """Hold everything that was seen outside against the journals, except commands that were seen too early (I12)."""
    if evidence.all_commands and not evidence.losses and not trimmed:
        _judge_delivery(findings, commits, evidence)
    _judge_arrivals(findings, stories, evidence, trimmed)
    _judge_messages(findings, stories, evidence, trimmed)
    _judge_commands(findings, evidence)
    _judge_answers(findings, evidence)
    _judge_logs(findings, evidence)


def _judge_arrivals(findings: Findings, stories: Stories, evidence: Evidence, trimmed: Collection[str]) -> None:
    findings.counts["arrivals_acknowledged"] += len(evidence.arrivals)
    for arrival in evidence.arrivals:
        session = f"session/{arrival.conversation}"
        if session in stories.conversations:
            continue
        if evidence.excuses(arrival.at):
            findings.counts["excused"] += 1
        elif trimmed:
            findings.judged_in_part("I1", "arrivals from before the journals begin cannot be found in them")
        else:
            findings.violated("I1", "", 0, session, "its arrival was acknowledged, and no journal has it")


def _judge_messages(findings: Findings, stories: Stories, evidence: Evidence, trimmed: Collection[str]) -> None:
    findings.counts["messages_acknowledged"] += len(evidence.messages)
    for message in evidence.messages:
        session = f"session/{message.conversation}"
        conversation = stories.conversations.get(session)
        if conversation is not None and ((message.author, message.id) in conversation.ids or conversation.reborn):
            continue
        if evidence.excuses(message.at):
            findings.counts["excused"] += 1
        elif not trimmed:
            findings.violated("I1", "", 0, session, f"message {message.id!r} was acknowledged, and no journal has it")


def _judge_commands(findings: Findings, evidence: Evidence) -> None:
    """An adapter handles a source's commands once each and in order, within one life of the adapter."""
    last: dict[tuple[str, str, str], int] = {}
    for command in evidence.commands:
        if not command.number:
            continue
        key = (command.link, command.incarnation, command.source)
        if command.number <= last.get(key, 0):
            detail = f"command {command.number} was handled after {last[key]}"
            findings.violated("I11", command.source, 0, f"commands {command.source} -> {command.link}", detail)
        last[key] = command.number
    findings.counts["commands_handled"] += len(evidence.commands)


def _judge_delivery(findings: Findings, commits: Commits, evidence: Evidence) -> None:
    """No command is skipped, and once settled none is left: whatever was committed for a link was handled there (I1)."""
    handled: dict[tuple[str, str], set[int]] = {}
    for command in evidence.commands:
        if command.number:
            source = shard_of_stream(command.source) or command.source
            handled.setdefault((command.link, source), set()).add(command.number)
    for (link, source), numbers in handled.items():
        for number in sorted(numbers):
            # Each epoch counts from 1.
            if number & ((1 << EPOCH_SHIFT) - 1) > 1 and number - 1 not in numbers:
                findings.violated("I1", source, 0, f"commands {source} -> {link}", f"command {number - 1} was never handled")
    if not evidence.settled:
        return
    links = {link for link, _ in handled}
    for state in commits.shards.values():
        for destination, number in state.sent.items():
            link = destination.removeprefix("l:")
            if link in links and shard_of_stream(destination) is None and number not in handled.get((link, state.shard), ()):
                detail = f"command {number} was committed and never handled"
                findings.violated("I1", state.shard, 0, f"commands {state.shard} -> {link}", detail)


def _judge_answers(findings: Findings, evidence: Evidence) -> None:
    first: dict[tuple[str, str, int], Answered] = {}
    for answer in evidence.answers:
        known = first.setdefault((answer.link, answer.incarnation, answer.seq), answer)
        if known.code != answer.code and not evidence.excuses(known.at):
            detail = f"frame {answer.seq} was answered {known.code or 'accepted'}, then {answer.code or 'accepted'}"
            findings.violated("I11", "", 0, f"frames of {answer.link}", detail)
    findings.counts["frames_answered"] += len(evidence.answers)


def _judge_logs(findings: Findings, evidence: Evidence) -> None:
    if not evidence.logs:
        findings.not_judged("I15", "no log was given")
        return
    texts = [text for text in evidence.customer_texts if len(text) >= SHORTEST_TEXT]
    if not texts:
        findings.not_judged("I15", "no customer text was given to look for")
    for index, text in enumerate(texts):
        # A log writer may have escaped what is not ASCII, so both spellings count.
        spellings = {text, text.encode("unicode_escape").decode("ascii")}
        if any(spelling in log for log in evidence.logs for spelling in spellings):
            # The text itself would put the leak into the report as well.
            findings.violated("I15", "", 0, f"customer text {index + 1}", f"{len(text)} characters of it stand in a log")
