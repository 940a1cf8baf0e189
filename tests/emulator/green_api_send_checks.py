"""What GREEN-API has to say about the bodies of methods that send.

Which fields there are, and their limits, is from the page of each method. The texts are those of
the validation library, where the page on common errors does not quote them.
"""

from dataclasses import dataclass
import re

from .green_api_checks import (
    LONGEST_MESSAGE,
    Refused,
    chat_id_in,
    check_range,
    choice_in,
    flag_in,
    free_text_in,
    invalid,
    number_in,
    object_in,
    optional_text_in,
    text_in,
)
from .green_api_outbox import Typing
from .model import JsonObject, Signal

_TYPING_MILLISECONDS = (1000, 20_000)
LONGEST_QUESTION = 255
_OPTIONS = range(2, 13)
_LONGEST_OPTION = 100
# Vendor's Java library.
LONGEST_CAPTION = 1024
_NAME_FIELDS = ("contact.firstName", "contact.middleName", "contact.lastName")
_COMPANY = "contact.company"
# Vendor's issue tracker: what would have to be escaped in a name is refused.
_BAD_IN_NAME = re.compile(r'["\\\x00-\x1f]')
_ADDRESS = re.compile(r"https?://[^\s/]\S*")
_UNICODE_ESCAPES = re.compile(r"(\\u[0-9a-fA-F]{4})+")


@dataclass(frozen=True)
class Shared:
    """The fields that all methods have which send a message."""

    chat_id: str
    quoted_id: str
    typing: Typing | None


def shared_in(body: JsonObject, *, file: bool = False) -> Shared:
    """Return the fields that all have; `typingType` is for files only."""
    chat_id = chat_id_in(body)
    quoted_id = optional_text_in(body, "quotedMessageId")
    flag_in(body, "archiveChat")
    recording = file and choice_in(body, "typingType", ("typing", "recording")) == "recording"
    typing = typing_in(body, Signal.RECORDING if recording else Signal.TYPING) if "typingTime" in body else None
    return Shared(chat_id, quoted_id, typing)


def typing_in(body: JsonObject, signal: Signal) -> Typing:
    """Return how long somebody is to be seen typing; one second if it is not said."""
    milliseconds = body.get("typingTime", _TYPING_MILLISECONDS[0])
    check_range("typingTime", milliseconds, *_TYPING_MILLISECONDS)
    return Typing(milliseconds / 1000, signal)


def typing_alone_in(body: JsonObject) -> Typing:
    """Return what sendTyping is to show."""
    recording = choice_in(body, "typingType", ("recording",))
    return typing_in(body, Signal.RECORDING if recording else Signal.TYPING)


def message_in(body: JsonObject) -> str:
    """Return the text of a message."""
    return text_in(body, "message", LONGEST_MESSAGE)


def check_preview(body: JsonObject) -> None:
    """Check how a link's preview is to look, of which the phone sees nothing here."""
    choice_in(body, "typePreview", ("large", "small"))
    if "customPreview" in body:
        preview = object_in(body, "customPreview")
        text_in(preview, "customPreview.title")
        for name in ("description", "link", "urlFile", "jpegThumbnail"):
            free_text_in(preview, f"customPreview.{name}")


def contact_in(body: JsonObject) -> JsonObject:
    """Return a contact in the phone's words. That it needs a name is not documented."""
    contact = object_in(body, "contact")
    number = number_in(contact, "contact.phoneContact")
    names = [free_text_in(contact, name) for name in _NAME_FIELDS]
    name = " ".join(filter(None, names)) or free_text_in(contact, _COMPANY)
    if not name:
        known = ", ".join(field.removeprefix("contact.") for field in (*_NAME_FIELDS, _COMPANY))
        raise invalid(f"'contact' must contain at least one of [{known}]")
    return {"name": name, "number": number, "contacts": [{"name": name, "number": number}]}


def options_in(body: JsonObject) -> list[str]:
    """Return the options of a poll."""
    if "options" not in body:
        raise invalid("'options' is required")
    options = body["options"]
    if not isinstance(options, list):
        raise invalid("'options' must be an array")
    if len(options) < _OPTIONS[0]:
        raise invalid(f"'options' must contain at least {_OPTIONS[0]} items")
    if len(options) > _OPTIONS[-1]:
        raise invalid(f"'options' must contain less than or equal to {_OPTIONS[-1]} items")
    names: list[str] = []
    for place, option in enumerate(options):
        path = f"options[{place}]"
        name = text_in(object_in({path: option}, path), f"{path}.optionName", _LONGEST_OPTION)
        if name in names:
            raise invalid(f"'{path}' contains a duplicate value")
        names.append(name)
    return names


def file_name_in(body: JsonObject) -> str:
    """Return the name of a file."""
    name = text_in(body, "fileName")
    if _BAD_IN_NAME.search(name):
        raise Refused("bad request data")
    return name


def address_in(body: JsonObject) -> str:
    """Return the address of a file; what is none is refused, which no page says."""
    address = text_in(body, "urlFile")
    if not _ADDRESS.fullmatch(address):
        raise invalid("'urlFile' must be a valid uri")
    return address


def reaction_in(body: JsonObject) -> str:
    r"""Return an emoji, which may also be spelled as in `\uD83D\uDC4F`.

    That an empty one takes the reaction back is how WhatsApp has it; the page does not say.
    """
    if "reaction" not in body:
        raise invalid("'reaction' is required")
    reaction = free_text_in(body, "reaction")
    if _UNICODE_ESCAPES.fullmatch(reaction):
        units = bytes.fromhex(reaction.replace("\\u", ""))
        return units.decode("utf-16-be", errors="replace")
    return reaction
