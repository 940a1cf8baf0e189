"""The life of one instance in which everything private can be recognised: all is sent, all comes in, much goes wrong."""

import asyncio
import base64
from contextlib import suppress
from pathlib import Path
from typing import Any

from .api import HomeAssistant, Json, Phone, decode_qr, qr_picture, wait_for
from .link import Linked, add_recipient, link
from .marks import Marks
from .processes import RigError

RECIPIENT = "Findable recipient"
"""What the user calls the recipient, which may be seen everywhere."""
_NOBODY = "13035550199"
_FAMILY = "120363000000000142@g.us"
# Home Assistant's own time between two messages would be most of the test.
_OPTIONS: Json = {
    "receiving": "automatic",
    "senders": "recipients",
    "listed": [],
    "own_messages": True,
    "hide_text": True,
    "gap": 0,
}
# What a vendor calls the requests that are to fail.
_GATEWAYS = ("green_api", "waha", "evolution")
_SEND = {"green_api": "sendMessage", "waha": "sendText", "evolution": "message/sendText"}
_STATE = {"green_api": "getStateInstance", "waha": "session", "evolution": "instance/connectionState"}


class PrivateSession:
    """One instance and its recipient."""

    def __init__(self, hass: HomeAssistant, phone: Phone, marks: Marks, media: Path, gateway: str) -> None:
        """Take both sides and the folder of Home Assistant's media."""
        serial = _GATEWAYS.index(gateway)
        self.gateway = gateway
        self._media = media
        self.entry_id = ""
        self._hass = hass
        self._phone = phone
        self._marks = marks
        self._account = self._note("account", f"+1303555011{serial}")
        self._number = self._note("recipient number", f"1303555015{serial}")
        self._stranger = self._note("stranger number", f"+1303555016{serial}")
        self._instance: Json = {}
        self._notify = ""
        self._event = ""
        self._session = ""

    async def live(self) -> None:
        """Go through all of it. Raises RigError where something does not work that should."""
        await self._begin()
        sent = await self._send()
        received = await self._receive(sent)
        await self._change(sent, received)
        await self._be_answered()
        await self._fail()
        await self._be_refused()
        await self._link_again()
        await self._come("text", text=self._make("last text"))

    @property
    def address(self) -> str:
        """What the phone calls the instance; other gateways may have one of the same name."""
        return f"{self.gateway}/{self._instance['id']}"

    def _note(self, name: str, text: str) -> str:
        return self._marks.note(f"{name} {self.gateway}", text)

    def _make(self, name: str) -> str:
        return self._marks.make(f"{name} {self.gateway}")

    async def _begin(self) -> None:
        """Link by QR code, and add a recipient."""
        instance = self._instance = await self._phone.create_instance(self.gateway, number=self._account)
        for name, value in instance["credentials"].items():
            if "token" in name:
                self._note(name, value)
        linked = await link(self._hass, self._phone, instance)
        self.entry_id = linked.entry_id
        self._note("QR code", linked.qr_text)
        await self._hass.set_options(self.entry_id, _OPTIONS)
        await self._add_recipient(linked)
        self._session = await self._hass.entity_id(self.entry_id, "session")
        self._event = await self._hass.entity_id(self.entry_id, "recipient_event")
        await self._hass.wait_for_state(self._session, "linked", 60)

    async def _add_recipient(self, linked: Linked) -> None:
        self._notify = await add_recipient(self._hass, linked, f"{self._number}@c.us", f"{RECIPIENT} at {self.gateway}")

    # --- what works ------------------------------------------------------------------------------

    async def _send(self) -> str:
        """Send one of each kind, and return the id of the text."""
        picture = await self._hass.fetch("/static/icons/favicon-192x192.png")
        path = self._media / f"{self._make('sent file')}.png"
        path.write_bytes(picture)
        sent = await self._say("send_message", message=self._make("sent text"), title=self._make("sent title"))
        await self._say(
            "send_media",
            path=str(path),
            caption=self._make("sent caption"),
            details={"file_name": f"{self._make('sent file name')}.png"},
        )
        place = {"latitude": 41.246813, "longitude": 12.975319}
        self._note("sent place", "41.246813")
        await self._say("send_location", location=place, name=self._make("sent place name"))
        await self._say("send_contact", name=self._make("sent contact"), phone=f"+{self._number}")
        await self._say(
            "send_poll", question=self._make("sent poll"), options=[self._make("sent yes"), self._make("sent no")]
        )
        await self._hass.act(
            "notify.send_message", {"entity_id": self._notify, "message": self._make("sent notification")}
        )
        return sent

    async def _receive(self, sent: str) -> str:
        """Have the phone write one of each kind, and return the id of the picture."""
        await self._until_heard()
        picture = {
            "kind": "image",
            "caption": self._make("caption"),
            "file_name": f"{self._make('picture')}.png",
            "data": base64.b64encode(await self._hass.fetch("/static/icons/favicon-192x192.png")).decode(),
        }
        message_id = await self._come("image", media=picture)
        await self._come("document", media={"kind": "document", "file_name": f"{self._make('document')}.pdf"})
        place = {"latitude": 37.135724, "longitude": 14.864209, "name": self._make("place")}
        self._note("latitude", "37.1357")
        await self._come("location", location=place | {"address": self._make("address")})
        contact = {"name": self._make("contact"), "number": self._note("contact number", "+13035550177")}
        await self._come("contact", contact=contact)
        await self._come("poll", poll={"name": self._make("poll"), "options": [self._make("yes"), self._make("no")]})
        await self._come("reaction", reaction={"message_id": sent, "emoji": self._make("emoji")})
        await self._phone.write_any(
            self.address, own=True, chat=f"{self._number}@c.us", text=self._make("text of the owner")
        )
        stranger = {"from": self._stranger, "name": self._make("stranger"), "text": self._make("text of a stranger")}
        await self._phone.write_any(self.address, **stranger)
        await self._phone.write_any(self.address, chat=_FAMILY, **stranger)
        return message_id

    async def _change(self, sent: str, received: str) -> None:
        """Use what refers to messages."""
        saved = str(self._media / f"{self._make('sent saved file')}.png")
        to = {"entity_id": self._notify}
        await self._hass.perform(
            "whatsapp_link.save_media", {"instance": self.entry_id, "message_id": received, "path": saved}
        )
        await self._hass.act("whatsapp_link.react", to | {"message_id": received, "emoji": "👍"})
        await self._hass.act("whatsapp_link.mark_read", to | {"message_id": received})
        await self._hass.act("whatsapp_link.set_typing", to)
        change = {"message_id": sent, "message": self._make("sent change")}
        await self._hass.act("whatsapp_link.edit_message", to | change)
        await self._hass.act("whatsapp_link.delete_message", to | {"message_id": sent})
        await self._hass.perform("whatsapp_link.check_number", {"instance": self.entry_id, "phone": f"+{self._number}"})
        await self._hass.perform("whatsapp_link.list_chats", {"instance": self.entry_id})

    async def _be_answered(self) -> None:
        """Ask, and have the phone answer in words."""
        before = len(await self._phone.messages(self.address))
        options = [self._make("sent option"), self._make("sent other option")]
        question = {"entity_id": self._notify, "question": self._make("sent question"), "options": options, "time": 60}
        asking = asyncio.create_task(self._hass.perform("whatsapp_link.ask", question))
        await self._phone.arrived(self.address, before + 1)
        await self._phone.write(self.address, f"+{self._number}", options[0])
        if (await asking)["answer"] != options[0]:
            raise RigError(f"{self.gateway}: the answer is another")

    async def _say(self, action: str, **data: Any) -> str:
        """Have an action send to the recipient, and return the id of the message."""
        data |= data.pop("details", {})
        response = await self._hass.perform(f"whatsapp_link.{action}", {"entity_id": self._notify, **data})
        return str(response["messages"][0]["message_id"])

    async def _until_heard(self) -> None:
        """Have the recipient write until Home Assistant hears it: nobody tells what was written before it listens."""

        async def is_heard() -> bool | None:
            await self._phone.write(self.address, f"+{self._number}", self._make("text"))
            await asyncio.sleep(1)
            state = await self._hass.state(self._event)
            return True if state and state["attributes"].get("text") else None

        await wait_for(f"what is written through {self.gateway}", is_heard, 60)

    async def _come(self, kind: str, **message: Any) -> str:
        """Have the recipient write, wait until the event entity tells of it, and return the id of the message."""
        async with self._hass.told(self._event) as next_state:
            name = self._make(f"name in {kind}")
            await self._phone.write_any(self.address, **{"from": f"+{self._number}", "name": name}, **message)
            async with asyncio.timeout(60):
                while True:
                    told = (await next_state())["attributes"]
                    # The owner writes too.
                    if told.get("event_type") == kind and told.get("text") == message.get("text", told.get("text")):
                        break
        return str(told.get("message_id", ""))

    # --- what does not ---------------------------------------------------------------------------

    async def _fail(self) -> None:
        """Send while the gateway is out of order, to nobody, and to nothing; lose it for a while."""
        for fault in ("502_html", "200_with_error", "malformed_json"):
            await self._phone.break_next(self.gateway, fault, _SEND[self.gateway])
            await self._does_not_send(message=self._make(f"sent into {fault}"))
        self._note("sent number of nobody", _NOBODY)
        nobody = {"instance": self.entry_id, "chats": [f"+{_NOBODY}"]}
        # Some gateways take it, and say nothing.
        with suppress(RigError):
            await self._hass.act("whatsapp_link.send_message", nobody | {"message": self._make("sent to nobody")})
        await self._does_not_send(
            message=self._make("sent to nothing"), chats=[self._make("sent no number")], instance=self.entry_id
        )
        await self._phone.break_next(self.gateway, "502_html", _STATE[self.gateway])
        await self._hass.refresh(self._session)
        await self._hass.wait_for_state(self._session, "unavailable")

    async def _does_not_send(self, **data: Any) -> None:
        try:
            await self._hass.act("whatsapp_link.send_message", {"entity_id": self._notify} | data)
        except RigError:
            return
        raise RigError(f"{self.gateway}: what should have failed was sent")

    async def _be_refused(self) -> None:
        """Have the token refused, and enter a wrong one before the right one."""
        await self._phone.break_next(self.gateway, "401", _SEND[self.gateway])
        await self._does_not_send(message=self._make("sent with a refused token"))
        step = await self._hass.wanted_flow(self.entry_id)
        wrong = self._note("wrong token", f"{self._account[-2:]}abcdef98" * 5)
        step = await self._hass.flow(step["flow_id"], {"token": wrong})
        if not step.get("errors"):
            raise RigError(f"{self.gateway}: a wrong token was taken")
        step = await self._hass.flow(step["flow_id"], {"token": self._instance["credentials"]["token"]})
        if step.get("reason") != "reauth_successful":
            raise RigError(f"{self.gateway}: the right token was not taken")
        await self._hass.wait_for_state(self._session, "linked")

    async def _link_again(self) -> None:
        """Lose the phone, and link it again: by pairing code, or by QR code."""
        await self._phone.unlink(self.address)
        await self._hass.refresh(self._session)
        step = await self._hass.wanted_flow(self.entry_id)
        flow_id = step["flow_id"]
        async with self._hass.dialog(flow_id) as dialog:
            if self.gateway == "waha":
                await self._hass.flow(flow_id, {"next_step_id": "pair_code"})
                await self._hass.flow(flow_id, {"phone": self._account})
                code = await dialog.until("a code", lambda step: (step["description_placeholders"] or {}).get("code"))
                self._note("pairing code", code)
                await self._phone.enter_code(code)
            else:
                # A gateway that knows no other way only wants a sign to begin.
                await self._hass.flow(flow_id, {"next_step_id": "pair_qr"} if step["type"] == "menu" else {})
                text = decode_qr(await dialog.until("a code in the dialog", qr_picture, 60))
                self._note("second QR code", text)
                await self._phone.scan(text)
            await dialog.until("the end", lambda step: step if step["type"] == "abort" else None)
        await self._hass.wait_for_state(self._session, "linked")
