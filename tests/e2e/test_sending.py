"""Sending from the page for actions: every field is filled in by hand, the response is read from the screen."""

from dataclasses import replace

from playwright.async_api import Browser
import pytest

from .action_form import ActionForm
from .api import HomeAssistant, Json, Phone
from .browser import DARK, LIGHT, PHONE, Screen, person
from .link import add_recipient, link

# So high that all of a form can be seen.
_LIGHT, _DARK, _PHONE = (replace(screen, height=2200) for screen in (LIGHT, DARK, PHONE))
_ADA = "13035550142@c.us"
_FAMILY = "120363000000000142@g.us"


async def _instance(hass: HomeAssistant, phone: Phone, gateway: str) -> tuple[Json, str]:
    """Return a linked instance and the name of its recipient."""
    instance = await phone.create_instance(gateway, linked=True)
    name = f"Ada {instance['id']}"
    await add_recipient(hass, await link(hass, phone, instance), _ADA, name)
    return instance, name


@pytest.mark.parametrize("screen", [_LIGHT, _PHONE], ids=lambda screen: screen.name)
async def test_poll(browser: Browser, hass: HomeAssistant, phone: Phone, screen: Screen) -> None:
    """A poll with its answers is on the phone, and its message ID in the response."""
    instance, name = await _instance(hass, phone, "green_api")
    async with person(browser, hass, screen) as user:
        form = ActionForm(user)
        await form.open("whatsapp_link.send_poll")
        await form.add_target(name)
        await form.fill("Question", "Pizza tonight?")
        await form.fill_list("Answers", "Yes", "No, thanks", "Only with olives")
        await user.keep("send-poll")
        response = await form.perform()
        await user.keep("send-poll-response")
    (message,) = await phone.arrived(instance["id"])
    assert (message["kind"], message["chat_id"], message["text"]) == ("poll", _ADA, "Pizza tonight?")
    assert message["details"]["options"] == ["Yes", "No, thanks", "Only with olives"]
    assert f"recipient: {name}" in response
    assert f"message_id: {message['id']}" in response


@pytest.mark.parametrize("screen", [_DARK, _PHONE], ids=lambda screen: screen.name)
async def test_message(browser: Browser, hass: HomeAssistant, phone: Phone, screen: Screen) -> None:
    """What stands in the folded sections counts: people to mention, and a chat that is no recipient."""
    instance, _ = await _instance(hass, phone, "waha")
    async with person(browser, hass, screen) as user:
        form = ActionForm(user)
        await form.open("whatsapp_link.send_message")
        await form.fill("Message", "The washing machine is done.")
        await form.tick("Title")
        await form.fill("Title", "Laundry")
        await form.unfold("Details")
        await form.tick("Mentions")
        await form.fill_list("Mentions", "+1 303 555 0142")
        await form.unfold("Other chats")
        await form.tick("Instance")
        await form.choose("Instance", instance["id"])
        await form.tick("Phone numbers or chat IDs")
        await form.fill_list("Phone numbers or chat IDs", _FAMILY)
        await user.keep("send-message")
        response = await form.perform()
        await user.keep("send-message-response")
    (message,) = await phone.arrived(instance["id"])
    assert (message["kind"], message["chat_id"]) == ("text", _FAMILY)
    assert message["text"] == "*Laundry*\nThe washing machine is done. @13035550142"
    assert f"message_id: {message['id']}" in response


async def test_camera(browser: Browser, hass: HomeAssistant, phone: Phone, camera: str) -> None:
    """A camera is found among the media, and what it sees arrives with words below it."""
    instance, name = await _instance(hass, phone, "green_api")
    async with person(browser, hass, _LIGHT) as user:
        form = ActionForm(user)
        await form.open("whatsapp_link.send_media")
        await form.add_target(name)
        await form.tick("Media")
        await form.pick_media("Camera", "Front door")
        await form.tick("Caption")
        await form.fill("Caption", "Somebody is at the door.")
        await user.keep("send-media")
        await form.perform()
    (message,) = await phone.arrived(instance["id"])
    assert (message["kind"], message["text"]) == ("image", "Somebody is at the door.")
    assert await phone.fetch(message["details"]["path"]) == await hass.fetch(f"/api/camera_proxy/{camera}")
