"""Home Assistant dies from one moment to the next, with a message in its hands."""

from asyncio.subprocess import Process
import json
from pathlib import Path
import signal

from .api import HomeAssistant, Json, Phone, wait_for
from .link import add_recipient, link
from .processes import emulator, free_port, home_assistant_process

_ADA = "+13035550142"
_RECEIVE, _DELETE = "receiveNotification", "deleteNotification"


async def test_killed(tmp_path: Path) -> None:
    """What GREEN-API has handed out is told once: after the restart, if Home Assistant died before it handled it."""
    port = free_port()
    async with (
        emulator(time_scale=0.1) as phone_url,
        Phone(phone_url) as phone,
        HomeAssistant(f"http://127.0.0.1:{port}") as hass,
    ):
        instance = await phone.create_instance("green_api", linked=True)
        async with home_assistant_process(tmp_path, port) as process:
            await hass.onboard()
            await _answer_everything(hass, phone, instance)
            await wait_for("Home Assistant listens", lambda: _is_listening(phone))
            # What was asked before the entry was loaded anew has never got an answer.
            await phone.forget_requests()
            await phone.write(instance["id"], _ADA, "first")
            await phone.arrived(instance["id"])
            await wait_for("all of it on the disk", lambda: _is_kept(tmp_path))

            await wait_for("Home Assistant waits for a message", lambda: _stopped_as_it_waits(process, phone))
            deleted = (await phone.requests("green_api"))[_DELETE]
            await phone.write(instance["id"], _ADA, "handed out")
            await wait_for("the message is handed out", lambda: _all_is_answered(phone))
            process.kill()
            await process.wait()
            # It waits in the queue all the same, and nobody has heard of it.
            assert (await phone.requests("green_api"))[_DELETE] == deleted
            notification = await _next_notification(phone, instance)
            assert notification
            assert notification["body"]["messageData"]["textMessageData"]["textMessage"] == "handed out"
            assert len(await phone.messages(instance["id"])) == 1

        async with home_assistant_process(tmp_path, port) as process:
            await phone.arrived(instance["id"], 2)
            await wait_for("the queue is empty", lambda: _is_empty(phone, instance))
            # The other moment: GREEN-API deletes it, and Home Assistant does not get to know. Whoever has things
            # deleted before they are handled loses it now.
            await phone.break_next("green_api", "timeout", _DELETE, acted_on=True)
            await phone.write(instance["id"], _ADA, "deleted")
            await phone.arrived(instance["id"], 3)
            process.kill()
            await process.wait()

        async with home_assistant_process(tmp_path, port):
            # What comes later is told later: a second copy would have been told by then.
            await phone.write(instance["id"], _ADA, "last")
            await phone.arrived(instance["id"], 4)
            answers = [message["text"] for message in await phone.messages(instance["id"])]
            assert answers == ["Heard: first", "Heard: handed out", "Heard: deleted", "Heard: last"]
            await wait_for("the queue is empty", lambda: _is_empty(phone, instance))


async def _answer_everything(hass: HomeAssistant, phone: Phone, instance: Json) -> None:
    """Link the instance, and have an automation answer each text that its event entity tells of."""
    linked = await link(hass, phone, instance)
    notify = await add_recipient(hass, linked, _ADA, "Ada")
    event = await hass.entity_id(linked.entry_id, "event")
    trigger = {"trigger": "event.received", "target": {"entity_id": event}, "options": {"event_type": ["text"]}}
    message = {"message": "Heard: {{ trigger.to_state.attributes.text }}"}
    answer = {"action": "notify.send_message", "target": {"entity_id": notify}, "data": message}
    automation = {"alias": "Answer everything", "mode": "queued", "triggers": [trigger], "actions": [answer]}
    await hass.call("POST", "/api/config/automation/config/answer", automation)
    await hass.wait_for_state("automation.answer_everything", "on")


async def _is_listening(phone: Phone) -> bool | None:
    """Whether GREEN-API has ever been asked for messages: then it has been told before to keep them."""
    return _RECEIVE in await phone.requests("green_api") or None


async def _is_kept(config: Path) -> bool | None:
    """Whether the files of Home Assistant have all that it has to begin with again; it writes them a bit later."""
    storage = config / ".storage"
    try:
        entries = json.loads((storage / "core.config_entries").read_text())["data"]["entries"]
        tokens = json.loads((storage / "auth").read_text())["data"]["refresh_tokens"]
        done = json.loads((storage / "onboarding").read_text())["data"]["done"]
    except FileNotFoundError:
        return None
    has_recipient = any(entry["subentries"] for entry in entries if entry["domain"] == "whatsapp_link")
    is_signed_in = any(token["token_type"] == "normal" for token in tokens)
    return (has_recipient and is_signed_in and "integration" in done) or None


async def _stopped_as_it_waits(process: Process, phone: Phone) -> bool | None:
    """Stop the process as it waits for GREEN-API to hand something out: it gets that, and does nothing about it."""
    process.send_signal(signal.SIGSTOP)
    asked = await phone.requests("green_api")
    answered = await phone.requests("green_api", answered=True)
    if asked.get(_RECEIVE, 0) > answered.get(_RECEIVE, 0):
        return True
    process.send_signal(signal.SIGCONT)
    return None


async def _all_is_answered(phone: Phone) -> bool | None:
    asked = await phone.requests("green_api")
    return (await phone.requests("green_api", answered=True) == asked) or None


async def _next_notification(phone: Phone, instance: Json) -> Json | None:
    """Ask GREEN-API what it would hand out next; None if there is nothing for a while."""
    path = f"/green-api/waInstance{instance['id']}/{_RECEIVE}/{instance['credentials']['token']}?receiveTimeout=5"
    notification: Json | None = await phone.call("GET", path)
    return notification


async def _is_empty(phone: Phone, instance: Json) -> bool | None:
    return await _next_notification(phone, instance) is None or None
