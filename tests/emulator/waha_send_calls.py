"""WAHA's calls that send messages without a file (vendor docs, page send-messages; vendor OpenAPI)."""

from aiohttp import hdrs

from .model import JsonObject, Kind
from .waha_cards import contact_in
from .waha_checks import Fields
from .waha_errors import NOT_IMPLEMENTED, unprocessable
from .waha_files import bare_file_in
from .waha_house import Call, Route, route
from .waha_menus import list_in
from .waha_sending import address, check_media_allowed, mentioned, read_message_id


def send_routes() -> list[Route]:
    """Return all routes."""
    calls = {
        "sendText": _text,
        "send/link-custom-preview": _custom_preview,
        "sendLocation": _location,
        "sendContactVcard": _contacts,
        "sendPoll": _poll,
        "sendPollVote": _poll_vote,
        "sendList": _list,
        "send/buttons/reply": _button_reply,
        "forwardMessage": _forward,
    }
    return [route(name, hdrs.METH_POST, f"/api/{name}", answer) for name, answer in calls.items()]


async def _text(call: Call) -> object:
    fields = Fields(call.body)
    text = fields.text("text")
    mentions = fields.texts("mentions")
    details: JsonObject = {}
    if not fields.flag("linkPreview", True):
        details["link_preview"] = False
    fields.flag("linkPreviewHighQuality", False)
    envelope = await address(call, fields, own_id=True)
    return envelope.send(Kind.TEXT, text, details | mentioned(mentions, envelope.chat_id, text))


async def _custom_preview(call: Call) -> object:
    """Send a text with a preview of the sender's making, which needs its address in the text."""
    fields = Fields(call.body)
    text = fields.text("text")
    fields.flag("linkPreviewHighQuality", True)
    given = fields.nested("preview")
    preview: JsonObject = {name: given.text(name) for name in ("url", "title", "description")}
    picture = bare_file_in(given, "image") if given.has("image") else None
    envelope = await address(call, fields)
    check_media_allowed(call)
    if picture:
        file = await picture.read()
        preview["image"] = call.house.world.files.attach(file.content, file.mime_type, file.name)
    return envelope.send(Kind.TEXT, text, {"preview": preview} if preview["url"] in text else {})


async def _location(call: Call) -> object:
    """Send a place. It has a title, but no address."""
    fields = Fields(call.body)
    place: JsonObject = {name: fields.decimal(name) for name in ("latitude", "longitude")}
    place |= {"name": fields.text("title"), "address": ""}
    return (await address(call, fields, own_id=True)).send(Kind.LOCATION, details=place)


async def _contacts(call: Call) -> object:
    fields = Fields(call.body)
    contacts = [contact_in(each) for each in fields.nested_items("contacts")]
    envelope = await address(call, fields, own_id=True)
    return envelope.send(Kind.CONTACT, details=contacts[0] | {"contacts": contacts})


# Polls


async def _poll(call: Call) -> object:
    """Send a poll. The docs have no limits for its options."""
    fields = Fields(call.body)
    poll = fields.nested("poll")
    question = poll.text("name")
    details = {
        "options": poll.texts("options", required=True),
        "multiple": poll.flag("multipleAnswers", False),
    }
    return (await address(call, fields, own_id=True)).send(Kind.POLL, question, details)


async def _poll_vote(call: Call) -> object:
    """Vote. The vendor OpenAPI has lists in the list of votes, the vendor source checks for texts."""
    fields = Fields(call.body)
    poll_id = fields.text("pollMessageId")
    votes = fields.texts("votes", required=True)
    # For polls in channels, which are none of ours.
    fields.number("pollServerId", None)
    envelope = await address(call, fields, reply="")
    # Vendor source: engine GOWS takes the bare id as well.
    if envelope.session.options.engine != "GOWS" or "_" in poll_id:
        read_message_id(poll_id)
    return envelope.send(Kind.POLL_VOTE, details={"message_id": poll_id, "options": votes})


# Menus


async def _list(call: Call) -> object:
    """Send a list to choose from: a text with something to tap."""
    fields = Fields(call.body)
    text, details = list_in(fields.nested("message"))
    envelope = await address(call, fields)
    if envelope.chat_id.endswith(("@g.us", "@newsletter", "@broadcast")):
        # Vendor source.
        raise unprocessable("List message can only be sent to a direct message chat.")
    return envelope.send(Kind.TEXT, text, details)


async def _button_reply(call: Call) -> object:
    """Tap a button of a message. The field for its id is not called as everywhere else."""
    fields = Fields(call.body)
    text, button = fields.filled_text("selectedDisplayText"), fields.filled_text("selectedButtonID")
    envelope = await address(call, fields, reply="replyTo")
    if envelope.session.options.engine == "GOWS":
        # Vendor source.
        raise unprocessable(NOT_IMPLEMENTED)
    return envelope.send(Kind.TEXT, text, {"button_id": button})


# Forwarding


async def _forward(call: Call) -> object:
    """Send a message that is there once more. What is said about one that is not is from the vendor source."""
    fields = Fields(call.body)
    message_id = fields.text("messageId")
    envelope = await address(call, fields, reply="", own_id=True)
    session = envelope.session
    if session.options.engine == "GOWS":
        # Vendor source.
        raise unprocessable(NOT_IMPLEMENTED)
    read_message_id(message_id)
    if (found := session.find_message(message_id)) is None:
        raise unprocessable(f"Message with id '{message_id}' not found")
    return envelope.send(found.kind, found.text, found.details | {"forwarded": True})
