"""A config flow as the browser shows it: told of a change, it fetches the step; words come from the translations."""

import asyncio
import base64
from collections.abc import Callable, Mapping
from io import BytesIO
import json
from pathlib import Path
from typing import Any, Self

from PIL import Image
import zxingcpp

from homeassistant.config_entries import SOURCE_USER, ConfigFlowResult
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.data_entry_flow import EVENT_DATA_ENTRY_FLOW_PROGRESSED, FlowResultType

from custom_components.whatsapp_link.const import DOMAIN
from custom_components.whatsapp_link.gateways import GATEWAYS
from custom_components.whatsapp_link.gateways.capability import Capability
from tests.emulator.instance import Instance
from tests.emulator.phone import ExpiredCode, Phone

INTEGRATION = Path(__file__).parents[1] / "custom_components" / DOMAIN
ENGLISH: dict[str, Any] = json.loads((INTEGRATION / "translations" / "en.json").read_text())


def credentials_of(instance: Instance, **changes: str) -> dict[str, Any]:
    """Return what somebody types in for an instance, perhaps with mistakes."""
    typed = dict(instance.credentials()) | changes
    return {"server": {"base_url": typed.pop("base_url")}} | typed


def decode_qr(png: bytes) -> str:
    """Return the text of the code in a picture."""
    return zxingcpp.read_barcodes(Image.open(BytesIO(png)).convert("RGB"), try_invert=False)[0].text


class Dialog:
    """The dialog of one flow."""

    def __init__(self, hass: HomeAssistant, step: ConfigFlowResult) -> None:
        """Show the first step."""
        self.step = step
        self._flow = hass.config_entries.flow
        self._told = asyncio.Event()
        hass.bus.async_listen(EVENT_DATA_ENTRY_FLOW_PROGRESSED, self._on_progressed)

    @classmethod
    async def add(cls, hass: HomeAssistant, gateway: str = "green_api") -> Self:
        """Begin to add an instance, up to the form for its credentials."""
        dialog = cls(hass, await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER}))
        await dialog.choose(gateway)
        return dialog

    async def connect(self, instance: Instance) -> ConfigFlowResult:
        """Enter what leads to an instance: its credentials, or those of the account and then the choice of it."""
        gateway = GATEWAYS[instance.gateway]
        typed = credentials_of(instance)
        if Capability.LIST_INSTANCES not in gateway.capabilities:
            return await self.submit(**typed)
        chosen = typed.pop(gateway.instance_key)
        await self.submit(**typed)
        await self.choose("pick_instance")
        return await self.submit(instance=chosen)

    async def submit(self, **user_input: Any) -> ConfigFlowResult:
        """Submit a form."""
        self.step = await self._flow.async_configure(self.step["flow_id"], user_input)
        return self.step

    async def choose(self, option: str) -> ConfigFlowResult:
        """Choose from a menu."""
        return await self.submit(next_step_id=option)

    async def choose_qr(self) -> ConfigFlowResult:
        """Have a code shown to scan. Where that is the only way, there is nothing to choose."""
        if self.step["type"] is FlowResultType.MENU:
            return await self.choose("pair_qr")
        return await self.submit() if self.step["type"] is FlowResultType.FORM else self.step

    async def until(self, look: Callable[[Dialog], bool], seconds: float = 20) -> ConfigFlowResult:
        """Follow the progress until a step is as wanted."""
        async with asyncio.timeout(seconds):
            while not look(self):
                await self._told.wait()
                self._told.clear()
                self.step = await self._flow.async_configure(self.step["flow_id"])
        return self.step

    async def until_step(self, step_id: str) -> ConfigFlowResult:
        """Follow the progress until a certain step."""
        return await self.until(lambda dialog: dialog.step.get("step_id") == step_id)

    async def until_code(self, other_than: str = "") -> str:
        """Follow the progress until there is a code, and return its text."""
        await self.until(lambda dialog: dialog.qr_text not in ("", other_than))
        return self.qr_text

    async def until_code_to_type(self) -> str:
        """Follow the progress until there is a code to type into the phone, and return it."""
        await self.until(lambda dialog: "code" in dialog.placeholders)
        return self.placeholders["code"]

    async def scanned_by(self, phone: Phone, number: str | None = None) -> None:
        """Have the phone scan the code that is shown; on a busy machine it may change just then."""
        text = await self.until_code()
        while True:
            try:
                phone.scan(text, number)
            except ExpiredCode:
                text = await self.until_code(other_than=text)
            else:
                return

    async def until_created(self) -> ConfigFlowResult:
        """Follow the progress until the entry is there."""
        return await self.until(lambda dialog: dialog.step["type"] == "create_entry")

    def close(self) -> None:
        """Close the dialog as its cross does."""
        self._flow.async_abort(self.step["flow_id"])

    @property
    def placeholders(self) -> Mapping[str, str]:
        """What fills the gaps in the words of the step."""
        return self.step.get("description_placeholders") or {}

    @property
    def qr_text(self) -> str:
        """The text of the code that is shown; empty while there is none."""
        _, found, encoded = self.placeholders.get("qr_code", "").partition("base64,")
        return decode_qr(base64.b64decode(encoded.rstrip(")"))) if found else ""

    @property
    def suggested(self) -> dict[str, Any]:
        """What stands in the fields of the form."""
        schema = self.step["data_schema"]
        assert schema is not None
        return {str(field): (field.description or {}).get("suggested_value") for field in schema.schema}

    def choices(self, field: str) -> list[str]:
        """Return what can be chosen in a field of the form."""
        schema = self.step["data_schema"]
        assert schema is not None
        return [option["value"] for option in schema.schema[field].config["options"]]

    @property
    def words(self) -> dict[str, str]:
        """The errors of the step as the user reads them, by field."""
        errors = self.step.get("errors") or {}
        return {field: ENGLISH["config"]["error"][key].format(**self.placeholders) for field, key in errors.items()}

    @callback
    def _on_progressed(self, event: Event) -> None:
        if event.data["flow_id"] == self.step["flow_id"]:
            self._told.set()
