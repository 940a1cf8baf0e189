"""Waiting until a message was delivered or read."""

import asyncio
from typing import Any

import pytest

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from custom_components.whatsapp_link.coordinator import WhatsAppLinkCoordinator
from custom_components.whatsapp_link.gateways.events import EventKind
from tests.conftest import instance_of
from tests.emulator import Emulator
from tests.emulator.waha_instance import WahaInstance
from tests.incoming import ROBINS_CHAT, tell
from tests.test_entities import NOTIFY, until
from tests.test_services import loaded, recipient


def send(hass: HomeAssistant, **data: Any) -> asyncio.Task[Any]:
    """Send to Robin."""
    call = {"entity_id": NOTIFY, "message": "Hello", "wait_time": 5, **data}
    return asyncio.create_task(
        hass.services.async_call("whatsapp_link", "send_message", call, blocking=True, return_response=True)
    )


async def sent_id(emulator: Emulator) -> str:
    """Wait for the message on the phone and return its id."""
    await until(lambda: bool(emulator.phone.messages()))
    return emulator.phone.messages()[0].id


@pytest.mark.parametrize(
    ("wanted", "kinds", "reached"),
    [
        ("delivered", [EventKind.DELIVERED], "delivered"),
        ("delivered", [EventKind.READ], "read"),
        ("read", [EventKind.DELIVERED, EventKind.READ], "read"),
    ],
)
async def test_wait(
    hass: HomeAssistant,
    emulator: Emulator,
    coordinator: WhatsAppLinkCoordinator,
    wanted: str,
    kinds: list[EventKind],
    reached: str,
) -> None:
    """The action ends when the message is as far as wanted, and says how far that is."""
    sending = send(hass, wait_for=wanted)
    message_id = await sent_id(emulator)
    await tell(coordinator, EventKind.READ, about="another message")
    await tell(coordinator, reply_to=message_id)
    for kind in kinds:
        await asyncio.sleep(0.02)
        assert not sending.done()
        await tell(coordinator, kind, about=message_id)
    (message,) = (await sending)["messages"]
    assert (message["message_id"], message["reached"]) == (message_id, reached)


@pytest.mark.parametrize(("kinds", "reached"), [([], "sent"), ([EventKind.DELIVERED], "delivered")])
async def test_time_is_over(
    hass: HomeAssistant,
    emulator: Emulator,
    coordinator: WhatsAppLinkCoordinator,
    kinds: list[EventKind],
    reached: str,
) -> None:
    """After the time it says how far the message got by then; that is no error."""
    sending = send(hass, wait_for="read", wait_time=1)
    message_id = await sent_id(emulator)
    for kind in kinds:
        await tell(coordinator, kind, about=message_id)
    assert (await sending)["messages"][0]["reached"] == reached


async def test_not_delivered(hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator) -> None:
    """A message that came back is an error."""
    sending = send(hass, wait_for="delivered")
    await tell(coordinator, EventKind.FAILED, about=await sent_id(emulator))
    with pytest.raises(HomeAssistantError) as caught:
        await sending
    assert caught.value.translation_key == "not_delivered"


async def test_not_waiting(hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator) -> None:
    """Who does not wait is told nothing of it."""
    (message,) = (await send(hass))["messages"]
    assert "reached" not in message


async def test_receiving_off(hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator) -> None:
    """Where nothing comes in, nothing can be waited for, and nothing is sent."""
    coordinator.receiving.way = None
    with pytest.raises(HomeAssistantError) as caught:
        await send(hass, wait_for="read")
    assert caught.value.translation_key == "cannot_wait"
    assert emulator.requests.count("green_api", method="sendMessage") == 0


async def test_receipt_before_the_id_is_known(
    hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A phone may have the message before the gateway has told its id."""
    gateway = coordinator.gateway
    send_text = gateway.send_text

    async def read_at_once(*args: Any, **options: Any) -> Any:
        sent = await send_text(*args, **options)
        await tell(coordinator, EventKind.READ, about=sent.message_id)
        return sent

    monkeypatch.setattr(gateway, "send_text", read_at_once)
    assert (await send(hass, wait_for="delivered"))["messages"][0]["reached"] == "read"


async def test_several(hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator) -> None:
    """Each message has its own way; one that came back is told by its recipient, beside those that arrived."""
    chats = ["+13035550142", "+4915123456789"]
    sending = send(hass, wait_for="delivered", chats=chats)
    await until(lambda: len(emulator.phone.messages()) == 3)
    ids = {message.chat_id: message.id for message in emulator.phone.messages()}
    await tell(coordinator, EventKind.READ, about=ids[ROBINS_CHAT])
    await tell(coordinator, EventKind.DELIVERED, about=ids["13035550142@c.us"])
    assert not sending.done()
    await tell(coordinator, EventKind.FAILED, about=ids["4915123456789@c.us"])
    with pytest.raises(HomeAssistantError) as caught:
        await sending
    assert caught.value.translation_key == "partly_done"
    assert caught.value.translation_placeholders
    assert caught.value.translation_placeholders["failed"].startswith("#2: WhatsApp did not deliver")
    assert caught.value.translation_placeholders["done"] == "Robin, #1"


async def test_waits_of_several(hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator) -> None:
    """The answer says of each how far it got."""
    sending = send(hass, wait_for="read", wait_time=1, chats=["+13035550142"])
    await until(lambda: len(emulator.phone.messages()) == 2)
    ids = {message.chat_id: message.id for message in emulator.phone.messages()}
    await tell(coordinator, EventKind.READ, about=ids[ROBINS_CHAT])
    messages = (await sending)["messages"]
    assert [(message["recipient"], message["reached"]) for message in messages] == [("Robin", "read"), ("#1", "sent")]


async def test_on_the_phone(hass: HomeAssistant, emulator: Emulator) -> None:
    """What a real phone tells: delivered by itself, read when somebody reads it, or given back."""
    instance = instance_of(emulator, "waha")
    assert isinstance(instance, WahaInstance)
    async with loaded(hass, instance, recipient("Robin", ROBINS_CHAT), receiving="automatic"):
        await until(lambda: emulator.gateways["waha"].sockets == 1)  # type: ignore[attr-defined] # as only WAHA has it
        (message,) = (await send(hass, wait_for="delivered"))["messages"]
        assert message["reached"] == "delivered"
        sending = send(hass, wait_for="read")
        await until(lambda: len(emulator.phone.messages()) == 2)
        emulator.phone.read(emulator.phone.messages()[1].id)
        assert (await sending)["messages"][0]["reached"] == "read"
        instance.options.acks_fail = True
        with pytest.raises(HomeAssistantError) as caught:
            await send(hass, wait_for="read")
        assert caught.value.translation_key == "not_delivered"
