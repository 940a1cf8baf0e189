"""What Home Assistant's other parts have, on the phone byte for byte: nothing is emulated but the gateway."""

from pathlib import Path

import pytest

from .api import HomeAssistant, Phone
from .link import add_recipient, link

_ADA = "13035550142@c.us"
_SPEECH = "Somebody is at the door."


@pytest.fixture(scope="module")
def document(config: Path) -> bytes:
    """Return what is in boiler.pdf in the media folder."""
    content = b"%PDF-1.4\n" + bytes(range(256)) * 400 + b"\n%%EOF\n"
    (config / "media" / "boiler.pdf").write_bytes(content)
    return content


# One takes the bytes, the other fetches them from Home Assistant.
@pytest.mark.parametrize("gateway", ["green_api", "wachat"])
async def test_byte_for_byte(hass: HomeAssistant, phone: Phone, camera: str, document: bytes, gateway: str) -> None:
    """What a camera sees, an image, speech and a document arrive as they are, each as what it is."""
    instance = await phone.create_instance(gateway, linked=True)
    linked = await link(hass, phone, instance)
    recipient = await add_recipient(hass, linked, _ADA, f"Ada at {gateway}")
    image = await hass.entity_id(linked.entry_id, "pairing_qr")

    sources = {
        f"camera/{camera}": ("image", "image/jpeg", await hass.fetch(f"/api/camera_proxy/{camera}")),
        f"image/{image}": ("image", "image/png", await hass.fetch(f"/api/image_proxy/{image}")),
        f"tts/demo?message={_SPEECH}&language=en": ("audio", "audio/mpeg", await _speech(hass)),
        "media_source/local/boiler.pdf": ("document", "application/pdf", document),
    }
    for count, (source, (kind, mime_type, content)) in enumerate(sources.items(), start=1):
        media = {"media_content_id": f"media-source://{source}", "media_content_type": mime_type}
        await hass.perform("whatsapp_link.send_media", {"entity_id": recipient, "media": media})
        message = (await phone.arrived(instance["id"], count))[-1]
        assert (message["kind"], message["details"]["mime_type"]) == (kind, mime_type)
        assert await phone.fetch(message["details"]["path"]) == content


async def _speech(hass: HomeAssistant) -> bytes:
    """Return what the voice says, as Home Assistant's own players fetch it."""
    wanted = {"engine_id": "demo", "message": _SPEECH, "language": "en"}
    made = await hass.call("POST", "/api/tts_get_url", wanted)
    return await hass.fetch(made["path"])
