"""What there is in a message to Wawp, read from the parameters (vendor docs, pages send/...)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
import re

from .model import JsonObject, Kind, digits_of
from .wawp_call import Call, Given
from .wawp_errors import Refused, invalid_param, missing_param
from .wawp_files import GivenFile, ReadFile, file_in

# Page send/text.
_LONGEST_MESSAGE = 4096
# Page send/poll: from 2 to 12 options, each shorter than 255.
_NUMBER_OF_OPTIONS = range(2, 13)
_LONGEST_OPTION = 254
# Page send/video.
_LARGEST_VIDEO = 16 * 1024 * 1024
_DECIMAL = re.compile(r"[+-]?\d+(\.\d+)?")
_PHONE = re.compile(r"\+?[\d ()-]{5,24}")


@dataclass(frozen=True)
class Content:
    """What is in a message, but for the content of its file."""

    kind: Kind
    text: str = ""
    details: JsonObject = field(default_factory=dict)
    file: GivenFile | None = None
    # Refuses a file once its content is there.
    check: Callable[[ReadFile], None] = lambda _file: None


def read_text(call: Call) -> Content:
    """Page send/text. Mentions are no parameter of it, so none arrive."""
    if call.given.credentials_twice:
        # Observed to break the validation here; what it says then is not known.
        raise invalid_param("instance_id, access_token")
    return Content(Kind.TEXT, call.given.text("message", _LONGEST_MESSAGE))


def read_link_preview(call: Call) -> Content:
    """Page send/link-preview: a text with a preview of the sender's making.

    The page does not say which parameters are required; these are the engine's.
    """
    preview = {"url": call.given.text("url"), "title": call.given.text("title")}
    for name in ("description", "thumbnail"):
        preview[name] = call.given.optional_text(name)
    return Content(Kind.TEXT, call.given.text("text"), {"preview": preview})


# Media


def read_image(call: Call) -> Content:
    """Page send/image."""
    return Content(Kind.IMAGE, call.given.optional_text("caption"), file=file_in(call))


def read_document(call: Call) -> Content:
    """Page send/pdf, which is for documents of any type."""
    return Content(Kind.DOCUMENT, call.given.optional_text("caption"), file=file_in(call))


def read_video(call: Call) -> Content:
    """Page send/video. Nothing is converted: what arrives is what was sent."""
    _flag(call.given, "convert")
    details = {"as_note": True} if _flag(call.given, "asNote") else {}
    caption = call.given.optional_text("caption")
    return Content(Kind.VIDEO, caption, details, file_in(call), _check_video)


def read_voice(call: Call) -> Content:
    """Page send/voice; it has no caption."""
    check = _accept if _flag(call.given, "convert") else _check_voice
    return Content(Kind.VOICE, file=file_in(call), check=check)


def _accept(_file: ReadFile) -> None:
    """Accept a voice note of any type: the server would convert it, the emulator leaves it as it is."""


def _check_voice(file: ReadFile) -> None:
    """Refuse what is no voice note. The code was observed, status and words are made up."""
    if file.mime_type.partition(";")[0].strip() != "audio/ogg":
        raise Refused(HTTPStatus.BAD_REQUEST, "bad_format", "The voice file has a wrong format")


def _check_video(file: ReadFile) -> None:
    """Refuse a video that is too large; how that is told is not documented."""
    if len(file.content) > _LARGEST_VIDEO:
        raise invalid_param("file[url]")


# Other messages


def read_location(call: Call) -> Content:
    """Page send/location: what is called message there is the address."""
    place: JsonObject = {
        "latitude": _degrees(call.given, "latitude", 90),
        "longitude": _degrees(call.given, "longitude", 180),
        "name": call.given.optional_text("title"),
        "address": call.given.optional_text("message"),
    }
    return Content(Kind.LOCATION, details=place)


def read_contacts(call: Call) -> Content:
    """Page send/contact."""
    given = call.given.json("contacts")
    if not isinstance(given, list) or not given:
        raise invalid_param("contacts")
    contacts = [_contact(each) for each in given]
    return Content(Kind.CONTACT, details=contacts[0] | {"contacts": contacts})


def read_poll(call: Call) -> Content:
    """Page send/poll."""
    poll = call.given.json("poll")
    if not isinstance(poll, dict):
        raise invalid_param("poll")
    options = poll.get("options")
    if not isinstance(options, list) or len(options) not in _NUMBER_OF_OPTIONS:
        raise invalid_param("poll[options]")
    if not all(isinstance(option, str) and 0 < len(option) <= _LONGEST_OPTION for option in options):
        raise invalid_param("poll[options]")
    multiple = poll.get("multipleAnswers", False)
    if not isinstance(multiple, bool):
        raise invalid_param("poll[multipleAnswers]")
    details: JsonObject = {"options": options, "multiple": multiple}
    return Content(Kind.POLL, _text_of(poll, "poll", "name"), details)


def _contact(given: object) -> JsonObject:
    if not isinstance(given, dict):
        raise invalid_param("contacts")
    # The rest is for the card, of which the phone here shows name and number.
    for name in ("organization", "whatsappId"):
        if not isinstance(given.get(name, ""), str):
            raise invalid_param(f"contacts[{name}]")
    number = _text_of(given, "contacts", "phoneNumber")
    if not _PHONE.fullmatch(number):
        raise invalid_param("contacts[phoneNumber]")
    return {"name": _text_of(given, "contacts", "fullName"), "number": f"+{digits_of(number)}"}


def _text_of(values: JsonObject, parent: str, name: str) -> str:
    value = values.get(name)
    if value is None or value == "":
        raise missing_param(f"{parent}[{name}]")
    if not isinstance(value, str):
        raise invalid_param(f"{parent}[{name}]")
    return value


def _degrees(given: Given, name: str, highest: float) -> float:
    """Return degrees, which the page has as decimal texts."""
    value = given.text(name)
    if not _DECIMAL.fullmatch(value) or abs(float(value)) > highest:
        raise invalid_param(name)
    return float(value)


def _flag(given: Given, name: str) -> bool:
    """Return a flag, which the pages have as the texts "true" and "false"."""
    value = given.optional_text(name, "false")
    if value not in ("true", "false"):
        raise invalid_param(name)
    return value == "true"
