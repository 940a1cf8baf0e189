"""The pairing code as a picture, for a dashboard."""

from functools import cache
from io import BytesIO
from typing import Literal, override

from PIL import Image, ImageDraw

from homeassistant.components.image import ImageEntity, ImageEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .coordinator import WhatsAppLinkConfigEntry, WhatsAppLinkCoordinator
from .entity import InstanceEntity

PARALLEL_UPDATES = 0

_DESCRIPTION = ImageEntityDescription(
    key="pairing_qr",
    translation_key="pairing_qr",
    entity_category=EntityCategory.DIAGNOSTIC,
)

type _Sign = Literal["linked", "waiting"]


async def async_setup_entry(
    hass: HomeAssistant,
    entry: WhatsAppLinkConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the image of an instance."""
    async_add_entities([PairingImage(hass, entry.runtime_data)])


class PairingImage(InstanceEntity, ImageEntity):
    """The code that can be scanned now; a sign while there is none, so that no card shows a broken image."""

    _attr_content_type = "image/png"

    def __init__(self, hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator) -> None:
        """Begin with what the coordinator knows."""
        InstanceEntity.__init__(self, coordinator, _DESCRIPTION)
        ImageEntity.__init__(self, hass)
        self._picture = self._current_picture()
        self._attr_image_last_updated = dt_util.utcnow()

    @override
    async def async_image(self) -> bytes | None:
        """Return the picture as PNG."""
        if isinstance(self._picture, bytes):
            return self._picture
        return await self.hass.async_add_executor_job(_draw_sign, self._picture)

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Write a new state only for a new picture: each one is kept by the recorder and fetched by every card."""
        picture = self._current_picture()
        if picture != self._picture:
            self._picture = picture
            self._attr_image_last_updated = dt_util.utcnow()
        super()._handle_coordinator_update()

    def _current_picture(self) -> bytes | _Sign:
        if self.coordinator.data.state.is_linked:
            return "linked"
        if code := self.coordinator.qr_code:
            return code.png
        return "waiting"


@cache
def _draw_sign(sign: _Sign) -> bytes:
    """Draw a check mark or three dots in a disc on a transparent ground, which suits light and dark alike."""
    side = 1024
    picture = Image.new("RGBA", (side, side))
    draw = ImageDraw.Draw(picture)
    disc = "#1fa855" if sign == "linked" else "#8a8f94"
    draw.circle((side / 2, side / 2), side * 0.4, fill=disc)
    if sign == "linked":
        points = [(0.33, 0.52), (0.45, 0.64), (0.68, 0.39)]
        corners = [(x * side, y * side) for x, y in points]
        draw.line(corners, fill="white", width=72, joint="curve")
        for corner in (corners[0], corners[-1]):
            draw.circle(corner, 36, fill="white")
    else:
        for x in (0.34, 0.5, 0.66):
            draw.circle((x * side, side / 2), 52, fill="white")
    buffer = BytesIO()
    # Drawn large and shrunk, which smooths the edges.
    picture.resize((256, 256), Image.Resampling.LANCZOS).save(buffer, "PNG")
    return buffer.getvalue()
