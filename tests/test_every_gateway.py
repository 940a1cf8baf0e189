"""The main job on every gateway there is: link, see it linked, send, all in Home Assistant."""

import asyncio
from urllib.parse import urlsplit

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from custom_components.whatsapp_link import pairing_by_code
from custom_components.whatsapp_link.gateways import GATEWAYS
from custom_components.whatsapp_link.gateways.capability import Capability
from custom_components.whatsapp_link.gateways.errors import Unsupported
from custom_components.whatsapp_link.instance_flow import titles_of
from tests.conftest import TIME_SCALE, entry_of, every_gateway, identity_of, instance_of
from tests.dialog import Dialog, credentials_of
from tests.emulator import Emulator
from tests.emulator.waha_instance import WahaInstance
from tests.emulator.wawp_instance import WawpInstance
from tests.gateways.rig import client_for
from tests.test_entities import until

# Where a gateway knows one way only, it begins at once.
ASKS_FOR_PHONE = ("pair", "pair_qr")
# The same name may be that of two instances, on two servers.
ON_OWN_SERVERS = {"evolution", "waha", "whatsapp_api"}


def having(*needed: Capability) -> pytest.MarkDecorator:
    """Return the gateways that can do something."""
    return pytest.mark.parametrize("key", [key for key, kind in GATEWAYS.items() if kind.capabilities >= set(needed)])


@every_gateway
async def test_main_job(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """Scan the code of the dialog, add a recipient, send a message to it."""
    instance = instance_of(emulator, key)
    dialog = await Dialog.add(hass, key)
    await dialog.connect(instance)
    assert dialog.step["step_id"] in ASKS_FOR_PHONE
    await dialog.choose_qr()
    first = await dialog.until_code()
    code = await dialog.until_code(other_than=first)
    emulator.phone.scan(code)
    scanned = asyncio.get_running_loop().time()
    created = await dialog.until_created()
    assert (asyncio.get_running_loop().time() - scanned) < 2
    entry = created["result"]
    recipient = {"recipient": "+1 202 555 0177", "name": "Robin"}
    await hass.config_entries.subentries.async_configure(created["next_flow"][1], recipient)
    await hass.async_block_till_done()
    registry = er.async_get(hass)
    linked = registry.async_get_entity_id("binary_sensor", "whatsapp_link", f"{entry.entry_id}_linked")
    assert linked
    await until(lambda: hass.states.is_state(linked, "on"))
    call = {"entity_id": "notify.robin", "title": "Door", "message": "Somebody rings 🔔"}
    await hass.services.async_call("notify", "send_message", call, blocking=True)
    await until(lambda: bool(emulator.phone.messages(instance.id)))
    (message,) = emulator.phone.messages(instance.id)
    assert message.text == "*Door*\nSomebody rings 🔔"
    assert "12025550177" in message.chat_id
    await hass.config_entries.async_unload(entry.entry_id)


@having(Capability.REQUEST_PAIRING_CODE)
async def test_pairing_code(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """Type the code of the dialog into the phone; a session that does not run yet is started for that."""
    instance = instance_of(emulator, key)
    dialog = await Dialog.add(hass, key)
    await dialog.connect(instance)
    await type_code(hass, dialog, emulator, instance.number)


async def type_code(hass: HomeAssistant, dialog: Dialog, emulator: Emulator, number: str) -> None:
    """Choose the way by a code to type, type it, and see the entry made."""
    await dialog.choose("pair_code")
    await dialog.submit(phone=number)
    assert dialog.step["step_id"] == "enter_code", dialog.words
    emulator.phone.enter_code(await dialog.until_code_to_type())
    created = await dialog.until_created()
    await hass.config_entries.async_unload(created["result"].entry_id)


@having(Capability.REQUEST_PAIRING_CODE)
async def test_pairing_code_after_a_failure(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """The same with a session that lost its phone, which for most of them is a failure."""
    instance = instance_of(emulator, key)
    instance.link(instance.number)
    emulator.phone.unlink(instance.id)
    dialog = await Dialog.add(hass, key)
    await dialog.connect(instance)
    await type_code(hass, dialog, emulator, instance.number)


@pytest.mark.parametrize("key", ["wawp", "waha"])
async def test_pairing_code_of_a_stopped_session(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """The same with one that somebody has stopped."""
    instance = instance_of(emulator, key)
    assert isinstance(instance, WahaInstance | WawpInstance)
    instance.stop()
    dialog = await Dialog.add(hass, key)
    await dialog.connect(instance)
    await type_code(hass, dialog, emulator, instance.number)


@having(Capability.REQUEST_PAIRING_CODE, Capability.CREATE_INSTANCE)
async def test_pairing_code_of_a_new_instance(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """The same with an instance that the dialog has just made."""
    dialog = await at_new_instance(hass, emulator, key)
    values = {"name": "Kitchen", "phone": "+1 202 555 0199"}
    await dialog.submit(**{field: values[field] for field in GATEWAYS[key].create_fields})
    await type_code(hass, dialog, emulator, values["phone"])


async def test_no_pairing_code_needed(hass: HomeAssistant, emulator: Emulator) -> None:
    """A session that was only stopped, and turns out to have its phone, is added without a code."""
    instance = instance_of(emulator, "wawp")
    assert isinstance(instance, WawpInstance)
    instance.link(instance.number)
    instance.stop()
    dialog = await Dialog.add(hass, "wawp")
    await dialog.connect(instance)
    await dialog.choose("pair_code")
    await dialog.submit(phone=instance.number)
    assert dialog.step["progress_action"] == "wait_for_qr"
    created = await dialog.until_created()
    await hass.config_entries.async_unload(created["result"].entry_id)


@pytest.mark.parametrize("key", ["wawp", "waha"])
async def test_session_that_gives_no_pairing_code(
    hass: HomeAssistant, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """One that does not come up is said, and there is a way back."""
    instance = instance_of(emulator, key)
    instance.ban()
    monkeypatch.setattr(pairing_by_code, "_STARTING_TIME", 0.5)
    dialog = await Dialog.add(hass, key)
    await dialog.connect(instance)
    await dialog.choose("pair_code")
    await dialog.submit(phone=instance.number)
    assert dialog.step["progress_action"] == "wait_for_qr"
    await dialog.until_step("pair_failed")
    assert dialog.words["base"].startswith(f"The session at {GATEWAYS[key].name}")
    await dialog.submit()
    assert dialog.step["step_id"] == "pair"


async def test_dialog_closed_before_the_pairing_code(hass: HomeAssistant, emulator: Emulator) -> None:
    """Nobody waits for a session for which nobody waits."""
    instance = instance_of(emulator, "wawp")
    dialog = await Dialog.add(hass, "wawp")
    await dialog.connect(instance)
    await dialog.choose("pair_code")
    await dialog.submit(phone=instance.number)
    assert dialog.step["progress_action"] == "wait_for_qr"
    dialog.close()
    await until(lambda: not any("whatsapp_link" in task.get_name() for task in asyncio.all_tasks()))


async def at_new_instance(hass: HomeAssistant, emulator: Emulator, key: str) -> Dialog:
    """Go through the dialog as far as to what a new instance is called."""
    gateway = GATEWAYS[key]
    typed = credentials_of(instance_of(emulator, key))
    del typed[gateway.instance_key]
    dialog = await Dialog.add(hass, key)
    await dialog.submit(**typed)
    if Capability.LIST_INSTANCES in gateway.capabilities:
        await dialog.choose("new_instance")
    return dialog


@having(Capability.CREATE_INSTANCE)
async def test_new_instance(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """Have an instance made instead of typing or choosing one, and link it."""
    gateway = GATEWAYS[key]
    before = len(emulator.instances)
    dialog = await at_new_instance(hass, emulator, key)
    values = {"name": "Kitchen", "phone": "+1 202 555 0199"}
    await dialog.submit(**{field: values[field] for field in gateway.create_fields})
    assert dialog.step["step_id"] in ASKS_FOR_PHONE, dialog.words
    assert len(emulator.instances) == before + 1
    await dialog.choose_qr()
    await dialog.scanned_by(emulator.phone)
    created = await dialog.until_created()
    made = created["data"]["credentials"][gateway.instance_key]
    assert made == emulator.instances[-1].credentials()[gateway.instance_key]
    await hass.config_entries.async_unload(created["result"].entry_id)


@having(Capability.LIST_INSTANCES)
async def test_trouble_while_choosing(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """A gateway that cannot be reached while choosing says so, and the next try works."""
    instance = instance_of(emulator, key)
    gateway = GATEWAYS[key]
    typed = credentials_of(instance)
    chosen = typed.pop(gateway.instance_key)
    dialog = await Dialog.add(hass, key)
    await dialog.submit(**typed)
    await dialog.choose("pick_instance")
    emulator.faults.add(key, "502_html", 1)
    await dialog.submit(instance=chosen)
    assert dialog.step["type"] is FlowResultType.FORM
    assert dialog.words["base"].startswith(f"{gateway.name} does not answer.")
    await dialog.submit(instance=chosen)
    assert dialog.step["step_id"] in ASKS_FOR_PHONE


@every_gateway
async def test_linked_already(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """An instance that has its phone is added without pairing."""
    instance = instance_of(emulator, key)
    instance.link(instance.number)
    dialog = await Dialog.add(hass, key)
    await dialog.connect(instance)
    for _ in range(50):
        if dialog.step["type"] is FlowResultType.CREATE_ENTRY:
            break
        # The server may need a moment until it is ready.
        dialog.close()
        await asyncio.sleep(0.05)
        dialog = await Dialog.add(hass, key)
        await dialog.connect(instance)
    assert dialog.step["type"] is FlowResultType.CREATE_ENTRY
    await hass.config_entries.async_unload(dialog.step["result"].entry_id)


@having(Capability.CREATE_INSTANCE)
async def test_trouble_while_making(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """A number that is none and a gateway that is out of order are said, and nothing is made by that."""
    gateway = GATEWAYS[key]
    before = len(emulator.instances)
    dialog = await at_new_instance(hass, emulator, key)
    values = {"name": "Kitchen", "phone": "202 555 0199"}
    if "phone" in gateway.create_fields:
        await dialog.submit(**{field: values[field] for field in gateway.create_fields})
        assert dialog.words["phone"].startswith("The country code is missing.")
    values["phone"] = "+1 202 555 0199"
    emulator.faults.add(key, "502_html", 1)
    await dialog.submit(**{field: values[field] for field in gateway.create_fields})
    assert dialog.words["base"].startswith(f"{gateway.name} does not answer.")
    assert len(emulator.instances) == before
    await dialog.submit(**{field: values[field] for field in gateway.create_fields})
    assert dialog.step["step_id"] in ASKS_FOR_PHONE


# How the emulator calls what is asked of a new instance.
LOOKS = {
    "wawp": "session/info",
    "wachat": "instance/state",
    "wasend": "getSession",
    "waha": "session",
    "evolution": "instance/connectionState",
}


@having(Capability.CREATE_INSTANCE)
async def test_trouble_after_making(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """An instance that was made is not made again when something else goes wrong: that may cost money."""
    gateway = GATEWAYS[key]
    before = len(emulator.instances)
    dialog = await at_new_instance(hass, emulator, key)
    values = {"name": "Kitchen", "phone": "+1 202 555 0199"}
    emulator.faults.add(key, "502_html", 2, method=LOOKS[key])
    await dialog.submit(**{field: values[field] for field in gateway.create_fields})
    for _ in range(2):
        assert dialog.step["step_id"] == "new_instance"
        assert dialog.words["base"].startswith(f"{gateway.name} does not answer.")
        assert dialog.suggested == {}
        await dialog.submit()
    assert dialog.step["step_id"] in ASKS_FOR_PHONE
    assert len(emulator.instances) == before + 1


@having(Capability.LIST_INSTANCES)
async def test_instances_that_are_there(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """What is an entry already is not offered again."""
    entry_of(instance_of(emulator, key)).add_to_hass(hass)
    typed = credentials_of(instance_of(emulator, key))
    del typed[GATEWAYS[key].instance_key]
    dialog = await Dialog.add(hass, key)
    await dialog.submit(**typed)
    assert dialog.step["step_id"] == "new_instance"
    dialog.close()
    other = emulator.gateways[key].create_instance()
    dialog = await Dialog.add(hass, key)
    await dialog.submit(**typed)
    await dialog.choose("pick_instance")
    assert dialog.choices("instance") == [other.id]


@pytest.mark.parametrize("number", ["", " 2"], ids=["two", "three"])
@pytest.mark.parametrize("key", sorted(ON_OWN_SERVERS - {"whatsapp_api"}))
async def test_same_name_on_two_servers(hass: HomeAssistant, emulator: Emulator, key: str, number: str) -> None:
    """On servers of one's own, instances are called alike: they are two all the same, and so are others behind one host."""
    async with Emulator(time_scale=TIME_SCALE) as other_emulator:
        one, other = instance_of(emulator, key), instance_of(other_emulator, key)
        assert one.id == other.id
        title = f"{GATEWAYS[key].name} {one.id}"
        first = entry_of(one)
        first.add_to_hass(hass)
        hass.config_entries.async_update_entry(first, title=title)
        longer = f"{title} ({urlsplit(other_emulator.url).netloc})"
        if number:
            MockConfigEntry(domain="whatsapp_link", title=longer, data=first.data).add_to_hass(hass)
        dialog = await Dialog.add(hass, key)
        await dialog.connect(other)
        await dialog.choose_qr()
        await dialog.scanned_by(other_emulator.phone)
        created = await dialog.until_created()
        assert created["result"].unique_id == identity_of(other)
        assert created["title"] == longer + number
        await hass.config_entries.async_unload(created["result"].entry_id)


@every_gateway
async def test_secret_path(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """A path may be meant for nobody else. It tells servers apart; titles, which are seen everywhere, do not tell it."""
    instance = instance_of(emulator, key)
    session = async_get_clientsession(hass)
    one, other = (
        client_for(session, instance, GATEWAYS[key], base_url=f"https://home.example:8443/{path}")
        for path in ("hush", "whisper")
    )
    assert titles_of(one) == titles_of(other)
    assert not any("hush" in title for title in titles_of(one))
    assert len(set(titles_of(one))) == len(titles_of(one)) > 2
    assert (one.identity != other.identity) == (key in ON_OWN_SERVERS)


async def test_name_that_nobody_can_ask_for(hass: HomeAssistant, emulator: Emulator) -> None:
    """An instance whose name would not stay one part of an address is not offered."""
    emulator.gateways["evolution"].create_instance(instance_id="my\\home")
    instance = instance_of(emulator, "evolution")
    typed = credentials_of(instance)
    del typed["instance_name"]
    dialog = await Dialog.add(hass, "evolution")
    await dialog.submit(**typed)
    await dialog.choose("pick_instance")
    assert dialog.choices("instance") == [instance.id]


async def test_account_without_instances(hass: HomeAssistant, emulator: Emulator) -> None:
    """Where there is nothing to choose from, the way leads straight to a new instance."""
    typed = credentials_of(instance_of(emulator, "wasend"))
    session_id = typed.pop("session_id")
    address = f"{typed['server']['base_url']}/sessions/{session_id}"
    headers = {"Authorization": f"Bearer {typed['token']}"}
    async with async_get_clientsession(hass).delete(address, headers=headers) as response:
        assert response.status == 200
    dialog = await Dialog.add(hass, "wasend")
    await dialog.submit(**typed)
    assert dialog.step["step_id"] == "new_instance"


async def test_wawp_recovers(hass: HomeAssistant, emulator: Emulator) -> None:
    """Wawp's 422 is no failure: the dialog says calmly that it takes a moment, and then there is a code."""
    instance = emulator.gateways["wawp"].create_instance(options={"desync": True})
    dialog = await Dialog.add(hass, "wawp")
    await dialog.connect(instance)
    await dialog.choose_qr()
    await dialog.until(lambda dialog: dialog.step["progress_action"] == "recovering")
    await dialog.scanned_by(emulator.phone)
    created = await dialog.until_created()
    await hass.config_entries.async_unload(created["result"].entry_id)


@pytest.mark.parametrize("method", ["session/info", "session/start"])
async def test_wawp_recovers_before_it_starts(hass: HomeAssistant, emulator: Emulator, method: str) -> None:
    """The same 422 to any other request does not end the pairing either."""
    dialog = await Dialog.add(hass, "wawp")
    await dialog.connect(instance_of(emulator, "wawp"))
    emulator.faults.add("wawp", "422", 1, method=method)
    await dialog.choose_qr()
    await dialog.until(lambda dialog: dialog.step["progress_action"] == "recovering")
    dialog.close()


@pytest.mark.parametrize(
    ("options", "fault", "words"),
    [
        ({}, "409", "Wachat refused:"),
        ({"subscription": "restricted"}, "", "What this Wachat account has paid for is used up:"),
    ],
)
async def test_wachat_gives_no_code(
    hass: HomeAssistant, emulator: Emulator, options: dict[str, str], fault: str, words: str
) -> None:
    """An instance of the wrong kind and a missing subscription end the pairing with their reason."""
    instance = emulator.gateways["wachat"].create_instance(token="key-of-another-account-0001", options=options)
    dialog = await Dialog.add(hass, "wachat")
    await dialog.connect(instance)
    if fault:
        emulator.faults.add("wachat", fault, 1, method="instance/qr")
    await dialog.choose_qr()
    await dialog.until_step("pair_failed")
    assert dialog.words["base"].startswith(words)


@pytest.mark.parametrize("qr_path", ["docs", "sdk"])
@pytest.mark.parametrize("qr_reply", ["data", "data_uri", "qr_code", "raw"])
async def test_wasend_says_it_in_many_ways(
    hass: HomeAssistant, emulator: Emulator, qr_path: str, qr_reply: str
) -> None:
    """Where documentation and client library disagree, both are understood; what worked is remembered."""
    options = {"qr_path": qr_path, "qr_reply": qr_reply}
    instance = emulator.gateways["wasend"].create_instance(token="key-of-another-account-0002", options=options)
    dialog = await Dialog.add(hass, "wasend")
    await dialog.connect(instance)
    await dialog.choose_qr()
    first = await dialog.until_code()
    second = await dialog.until_code(other_than=first)
    assert emulator.requests.count(gateway="wasend", method="qr", status=404) == (1 if qr_path == "docs" else 0)
    assert second != first
    await dialog.scanned_by(emulator.phone)
    created = await dialog.until_created()
    await hass.config_entries.async_unload(created["result"].entry_id)


@every_gateway
async def test_linked_again(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """A session that lost its phone gets going again, each in the way it needs, and can be paired."""
    instance = instance_of(emulator, key)
    instance.link(instance.number)
    await asyncio.sleep(0.3)
    emulator.phone.unlink(instance.id)
    dialog = await Dialog.add(hass, key)
    await dialog.connect(instance)
    await dialog.choose_qr()
    await dialog.scanned_by(emulator.phone)
    created = await dialog.until_created()
    await hass.config_entries.async_unload(created["result"].entry_id)


@having(Capability.LIST_CHATS)
async def test_chats(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """The chats come in our spelling, people and groups, with their names."""
    instance = instance_of(emulator, key)
    instance.link(instance.number)
    gateway = client_for(async_get_clientsession(hass), instance, GATEWAYS[key])
    async with asyncio.timeout(20):
        while not (await gateway.get_session()).state.is_linked:
            await asyncio.sleep(0.06)
    chats = await gateway.list_chats()
    assert chats
    for chat in chats:
        assert chat.chat_id.endswith(("@c.us", "@g.us", "@lid", "@newsletter"))
        assert chat.is_group is chat.chat_id.endswith("@g.us")
    assert any(chat.name for chat in chats)


@pytest.mark.parametrize("key", ["green_api", "wawp", "wachat", "wasend"])
async def test_group(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """A group is written to by its id."""
    instance = instance_of(emulator, key)
    instance.link(instance.number)
    gateway = client_for(async_get_clientsession(hass), instance, GATEWAYS[key])
    group = next((chat for chat in await gateway.list_chats() if chat.is_group), None)
    group_id = group.chat_id if group else "120363043968066561@g.us"
    await gateway.send_text(group_id, "Dinner is ready")
    await until(lambda: bool(emulator.phone.messages(instance.id)))
    (message,) = emulator.phone.messages(instance.id)
    assert message.chat_id == group_id


@pytest.mark.parametrize("key", ["wasend", "whatsapp_api"])
async def test_channel_where_there_are_none(hass: HomeAssistant, emulator: Emulator, key: str) -> None:
    """A chat that the gateway cannot write to is refused before any request."""
    instance = instance_of(emulator, key)
    gateway = client_for(async_get_clientsession(hass), instance, GATEWAYS[key])
    with pytest.raises(Unsupported, match="channels"):
        await gateway.send_text("120363043968066561@newsletter", "Hello")
    assert emulator.requests.count() == 0


async def test_people_only(hass: HomeAssistant, emulator: Emulator) -> None:
    """What a gateway cannot do is said by name, before any request."""
    instance = instance_of(emulator, "whatsapp_api")
    instance.link(instance.number)
    gateway = client_for(async_get_clientsession(hass), instance, GATEWAYS["whatsapp_api"])
    emulator.requests.reset()
    with pytest.raises(Unsupported, match="groups"):
        await gateway.send_text("120363043968066561@g.us", "Hello")
    assert emulator.requests.count() == 0
