"""The web chat's WebSocket protocol, version 1: every frame of either side.

    page                               server
      | --- start / resume ----------->  |   one secret per conversation; the same secret is the same conversation
      | <-- ready ---------------------  |
      | --- say (id) ----------------->  |   kept by the page until
      | <-- accepted (id) -------------  |   this: the message is on disk in the cluster
      | <-- entries / notice / saw ----  |   entries are numbered from 1; a page skips what it has and resumes on a gap

This module is the only source of the contract: the page's TypeScript types are generated from it.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from gateways.web.framing import Problem, ServerFrame
from gateways.web.transcript import Entry

SUBPROTOCOL = "trunkline.webchat.v1"
MAX_TEXT_LENGTH = 8000
MAX_ATTACHMENTS = 10

Secret = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{32,64}\Z")]
MessageId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{8,64}\Z")]
Language = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9-]{0,35}\Z")]
Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT_LENGTH)]
Short = Annotated[str, msgspec.Meta(max_length=120)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]


class PageFrame(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    """A frame from the page to the server."""


class Start(PageFrame, frozen=True, kw_only=True, tag="start"):
    """Open a conversation, or find the one that this secret already opened."""

    secret: Secret
    #: Recognises the same browser in later conversations.
    visitor: Secret
    topic: Short = ""
    name: Short = ""
    language: Language = ""
    #: Where on the site the customer was, without query or fragment.
    page: Annotated[str, msgspec.Meta(max_length=500)] = ""


class Resume(PageFrame, frozen=True, kw_only=True, tag="resume"):
    """Come back to a conversation; `seen` is the highest entry number the page holds, 0 for none."""

    secret: Secret
    seen: Count = 0


class Say(PageFrame, frozen=True, kw_only=True, tag="say"):
    """Write a message; `id` is the page's own and makes sending it again harmless. `attachments` are ids of uploads."""

    id: MessageId
    text: Text = ""
    attachments: Annotated[tuple[Short, ...], msgspec.Meta(max_length=MAX_ATTACHMENTS)] = ()


class Typing(PageFrame, frozen=True, kw_only=True, tag="typing"):
    typing: bool


class Saw(PageFrame, frozen=True, kw_only=True, tag="saw"):
    """How far entries reached the page, and how far they were on screen; marks never go back."""

    delivered: Count = 0
    read: Count = 0


class Leave(PageFrame, frozen=True, kw_only=True, tag="leave"):
    """The customer ends the conversation."""


class Ping(PageFrame, frozen=True, kw_only=True, tag="ping"):
    """Answered with `pong`: how a page notices a dead connection."""


PageFrames = Start | Resume | Say | Typing | Saw | Leave | Ping


class Topic(msgspec.Struct, frozen=True):
    """A choice before the conversation; `names` maps a language to its wording."""

    id: str
    names: dict[str, str]


class Welcome(ServerFrame, frozen=True, kw_only=True, tag="welcome"):
    """The first frame, and again when it changes: what this server offers and allows."""

    topics: tuple[Topic, ...]
    max_attachment_mb: float
    max_text_length: int


class Ready(ServerFrame, frozen=True, kw_only=True, tag="ready"):
    """The conversation is open; `resumed` says whether it was before."""

    conversation: str
    resumed: bool


class Gone(ServerFrame, frozen=True, kw_only=True, tag="gone"):
    """There is no such conversation (any more): start a new one with a new secret."""


class Entries(ServerFrame, frozen=True, kw_only=True, tag="entries"):
    entries: tuple[Entry, ...]


class TheyType(ServerFrame, frozen=True, kw_only=True, tag="typing"):
    typing: bool
    name: str


class TheySaw(ServerFrame, frozen=True, kw_only=True, tag="saw"):
    """How far the agent's desk received and read the conversation."""

    delivered: int
    read: int


NoticeKind = Literal["queued", "connected", "transferred", "ended", "closed", "joined", "left"]


class Notice(ServerFrame, frozen=True, kw_only=True, tag="notice"):
    """A state of the conversation, worded by the page; for `queued`, how many wait in front and how much longer.

    `ahead` is null if it is not to be told; the wait is between `wait_low_ms` and `wait_high_ms`, both 0 if not known.
    """

    kind: NoticeKind
    agent_name: str = ""
    queue: str = ""
    ahead: int | None = 0
    wait_low_ms: int = 0
    wait_high_ms: int = 0


class Accepted(ServerFrame, frozen=True, kw_only=True, tag="accepted"):
    """The message is committed; the page need not keep it."""

    id: str


class Refused(ServerFrame, frozen=True, kw_only=True, tag="refused"):
    """The message (or `start`, `leave`) had no effect; worth trying again if `retry_after_ms` is not 0."""

    id: str
    code: str
    detail: str
    retry_after_ms: int


class Pong(ServerFrame, frozen=True, kw_only=True, tag="pong"):
    pass


ServerFrames = Welcome | Ready | Gone | Entries | TheyType | TheySaw | Notice | Accepted | Refused | Problem | Pong
