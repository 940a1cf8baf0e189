"""What each gateway can do, as the table in the README: `python -m tests.capability_table` prints it."""

from custom_components.whatsapp_link.gateways import GATEWAYS
from custom_components.whatsapp_link.gateways.capability import Capability, Feature
from custom_components.whatsapp_link.gateways.gateway import Gateway

# What a user calls it, and what the gateway has to be able to do for it.
_ROWS: dict[str, Capability | Feature] = {
    "QR code": Capability.GET_QR,
    "pairing code": Capability.REQUEST_PAIRING_CODE,
    "text": Capability.SEND_TEXT,
    "pictures, videos, audio, files": Capability.SEND_MEDIA,
    "voice messages": Feature.VOICE,
    "voice messages from any audio": Feature.VOICE_CONVERSION,
    "words below a document": Feature.DOCUMENT_CAPTION,
    "locations": Capability.SEND_LOCATION,
    "contacts": Capability.SEND_CONTACT,
    "polls": Capability.SEND_POLL,
    "replies": Feature.REPLY,
    "mentions": Feature.MENTIONS,
    "links without preview": Feature.LINK_PREVIEW,
    "reactions": Capability.SEND_REACTION,
    "editing": Capability.EDIT_MESSAGE,
    "deleting": Capability.DELETE_MESSAGE,
    "marking as read": Capability.MARK_READ,
    "typing": Capability.SEND_TYPING,
    "checking numbers": Capability.CHECK_NUMBER,
    "listing chats": Capability.LIST_CHATS,
    "groups": Feature.GROUPS,
    "channels": Feature.CHANNELS,
}


def capability_table() -> str:
    """Return the table as Markdown."""
    gateways = GATEWAYS.values()
    lines = [
        "| | " + " | ".join(gateway.name for gateway in gateways) + " |",
        "|---|" + ":-:|" * len(GATEWAYS),
    ]
    pushes = ("✓" if gateway.pushes_session else "–" for gateway in gateways)
    lines.append("| changes of the session are pushed | " + " | ".join(pushes) + " |")
    lines += [f"| receiving | {' | '.join(_ways(gateway) for gateway in gateways)} |"]
    for name, what in _ROWS.items():
        marks = ("✓" if what in gateway.capabilities | gateway.features else "–" for gateway in gateways)
        lines.append(f"| {name} | " + " | ".join(marks) + " |")
    return "\n".join(lines)


def _ways(gateway: type[Gateway]) -> str:
    return ", ".join(way.value for way in gateway.ways)


if __name__ == "__main__":
    print(capability_table())  # noqa: T201 - for the README
