"""What a gateway can be able to do: declared by each, tested against what it does, asked by the floors above."""

from enum import StrEnum


class Capability(StrEnum):
    """A thing that a gateway does or does not; the value is the name of the method that does it."""

    GET_QR = "get_qr"
    WATCH_QR = "watch_qr"
    START = "start"
    REQUEST_PAIRING_CODE = "request_pairing_code"
    RESTART = "restart"
    LOGOUT = "logout"
    SEND_TEXT = "send_text"
    SEND_MEDIA = "send_media"
    SEND_LOCATION = "send_location"
    SEND_CONTACT = "send_contact"
    SEND_POLL = "send_poll"
    SEND_REACTION = "send_reaction"
    EDIT_MESSAGE = "edit_message"
    DELETE_MESSAGE = "delete_message"
    MARK_READ = "mark_read"
    SEND_TYPING = "send_typing"
    CHECK_NUMBER = "check_number"
    LIST_CHATS = "list_chats"
    LISTEN = "listen"
    REGISTER_WEBHOOK = "register_webhook"
    UNREGISTER_WEBHOOK = "unregister_webhook"
    PARSE_WEBHOOK = "parse_webhook"
    FETCH_FILE = "fetch_file"
    FIND_NUMBER = "find_number"
    LIST_INSTANCES = "list_instances"
    CREATE_INSTANCE = "create_instance"
    GET_VERSION = "get_version"


class Feature(StrEnum):
    """What a message may ask for beyond its kind."""

    GROUPS = "groups"
    """A group as the chat."""
    CHANNELS = "channels"
    """A channel as the chat."""
    HIDDEN_NUMBERS = "hidden_numbers"
    """Somebody as the chat whose number WhatsApp hides behind an opaque id (`…@lid`)."""
    REPLY = "reply"
    """Answering a certain message."""
    MENTIONS = "mentions"
    """Naming people so that their phones ring."""
    LINK_PREVIEW = "link_preview"
    """Choosing whether a link is shown with its picture."""
    VOICE = "voice"
    """Sound as a voice message."""
    VOICE_CONVERSION = "voice_conversion"
    """Making a voice message of sound that is not Ogg."""
    DOCUMENT_CAPTION = "document_caption"
    """A caption below a document."""
    READ_CHAT = "read_chat"
    """Marking a whole chat as read, without naming a message."""
    RECORDING = "recording"
    """Showing that a voice message is being recorded."""
    PAUSED = "paused"
    """Taking back that somebody types."""


class Way(StrEnum):
    """How events come from a gateway."""

    STREAM = "stream"
    """`listen` waits for them: a websocket or a queue."""
    WEBHOOK = "webhook"
    """The gateway calls an address of ours."""
    POLLING = "polling"
    """`listen` looks for them now and then."""


EVERY_CHAT = frozenset({Feature.GROUPS, Feature.CHANNELS, Feature.HIDDEN_NUMBERS})
