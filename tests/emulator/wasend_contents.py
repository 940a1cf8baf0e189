"""What there is in a message to Wasend, read from the bodies of the calls (vendor SDK).

Which fields there are and which are required is the SDK's word. How wrong ones are
refused is not documented, and worded as the validation of WAHA's framework does.

There is neither location nor contact, poll, sticker, mention, edit and deletion.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from .model import JsonObject, Kind
from .wasend_checks import bad, optional_text_in, recipient_in, text_in
from .wasend_files import GivenFile, file_in, linked_file

# The fields of `/send` that hold the address of a file.
_FILES_OF_SEND = {
    "imageUrl": Kind.IMAGE,
    "videoUrl": Kind.VIDEO,
    "documentUrl": Kind.DOCUMENT,
    # The SDK has no type for audio in replies, and WAHA sends nothing of the kind but
    # voice notes.
    "audioUrl": Kind.VOICE,
}


@dataclass(frozen=True, kw_only=True)
class Content:
    """What is in a message, but for the content of its file."""

    to: str
    kind: Kind = Kind.TEXT
    text: str = ""
    quoted_id: str = ""
    details: JsonObject = field(default_factory=dict)
    file: GivenFile | None = None


type Reader = Callable[[JsonObject], Content]


def read_text(body: JsonObject) -> Content:
    """Read `/sendText`."""
    return Content(to=recipient_in(body), text=text_in(body, "text"), quoted_id=optional_text_in(body, "replyTo"))


def read_captioned(kind: Kind) -> Reader:
    """Return what reads `/sendImage` and `/sendVideo`."""

    def read(body: JsonObject) -> Content:
        return Content(
            to=recipient_in(body),
            kind=kind,
            text=optional_text_in(body, "caption"),
            quoted_id=optional_text_in(body, "replyTo"),
            file=file_in(body, kind),
        )

    return read


def read_document(body: JsonObject) -> Content:
    """Read `/sendFile`, where name and type are required and a caption has no place."""
    return Content(
        to=recipient_in(body),
        kind=Kind.DOCUMENT,
        quoted_id=optional_text_in(body, "replyTo"),
        file=file_in(body, Kind.DOCUMENT, name=text_in(body, "fileName"), mime_type=text_in(body, "mimeType")),
    )


def read_voice(body: JsonObject) -> Content:
    """Read `/sendVoice`; the duration is only shown."""
    duration = body.get("duration", 0)
    if isinstance(duration, bool) or not isinstance(duration, int | float):
        raise bad("duration must be a number conforming to the specified constraints")
    return Content(
        to=recipient_in(body),
        kind=Kind.VOICE,
        quoted_id=optional_text_in(body, "replyTo"),
        file=file_in(body, Kind.VOICE),
    )


def read_link_preview(body: JsonObject) -> Content:
    """Read the call that sends a text with a preview of the sender's making."""
    to, text = recipient_in(body), text_in(body, "text")
    given = _object_in(body, "preview")
    if not given:
        raise bad("preview should not be empty")
    preview = {"title": text_in(given, "title")}
    for name in ("description", "thumbnailUrl"):
        preview[name] = optional_text_in(given, name)
    return Content(to=to, text=text, quoted_id=optional_text_in(body, "replyTo"), details={"preview": preview})


def read_any(body: JsonObject) -> Content:
    """Read `/send`, which takes a text, a file at an address, or both; it has no replies."""
    to, text = recipient_in(body), optional_text_in(body, "text")
    given = [name for name in _FILES_OF_SEND if body.get(name) is not None]
    if len(given) > 1:
        raise bad(f"only one of {', '.join(_FILES_OF_SEND)} is allowed")
    if not given:
        return Content(to=to, text=text_in(body, "text"), details=_preview_of_send(body))
    kind = _FILES_OF_SEND[given[0]]
    mime_type, name = optional_text_in(body, "mimetype"), optional_text_in(body, "filename")
    return Content(
        to=to,
        kind=kind,
        # A voice note has no caption.
        text="" if kind is Kind.VOICE else text,
        file=linked_file(body, given[0], kind, name=name, mime_type=mime_type),
    )


def _preview_of_send(body: JsonObject) -> JsonObject:
    """Return the preview of `/send`, in which every value is a text."""
    preview = _object_in(body, "preview")
    if not all(isinstance(value, str) for value in preview.values()):
        raise bad("each value in preview must be a string")
    return {"preview": preview} if preview else {}


def _object_in(body: JsonObject, name: str) -> JsonObject:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad(f"{name} must be an object")
    return value
