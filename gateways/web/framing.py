"""JSON frames between a page and its server: every frame is one object whose `type` names it.

Invariants: a frame that does not validate is answered with a `problem` that says what was wrong with it, and never
ends the connection; a page that speaks another version of the protocol is told so before anything else happens.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

PageFrame = TypeVar("PageFrame")

#: The largest frame a page may send, in bytes; attachments travel over HTTP.
MAX_FRAME_BYTES = 64 * 1024


class ServerFrame(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """A frame from the server to the page."""


class Problem(ServerFrame, frozen=True, kw_only=True, tag="problem"):
    """The page sent something that cannot be done at all; `detail` says what to send instead."""

    code: str
    detail: str


class BadFrame(Exception):
    """A page's frame does not validate; `detail` names the field and what it should hold."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class FrameReader(Generic[PageFrame]):
    """Decodes and validates the frames of one protocol, given as a union of tagged structs."""

    def __init__(self, frames: object) -> None:
        self._decoder: msgspec.json.Decoder[PageFrame] = msgspec.json.Decoder(frames)

    def read(self, content: str | bytes) -> PageFrame:
        """Decode one frame.

        Raises:
            BadFrame: it is not JSON, not a known type, or a field does not validate.
        """
        try:
            return self._decoder.decode(content)
        except msgspec.ValidationError as error:
            raise BadFrame(f"the frame does not validate: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadFrame(f"a frame is one JSON object in UTF-8, and this is not: {error}") from None


_encoder = msgspec.json.Encoder()


def encode_frame(frame: msgspec.Struct) -> str:
    """The frame as it travels."""
    return _encoder.encode(frame).decode()
