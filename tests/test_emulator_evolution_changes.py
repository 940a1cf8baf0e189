"""What the emulated Evolution API does with messages that exist, and how it shows typing, over real HTTP."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from tests.emulator.evolution_instance import EvolutionInstance
from tests.emulator.model import Kind, Signal
from tests.test_emulator_evolution import ADA, ADA_JID, FAMILY, NOBODY
from tests.test_emulator_evolution_sending import ADA_CHAT, LOCATION, NOT_THERE, PNG, Sender, encoded, linked_sender

pytestmark = pytest.mark.usefixtures("socket_enabled")


@pytest.fixture
async def api() -> AsyncGenerator[Sender]:
    """A client with a linked phone."""
    async with linked_sender() as sender:
        yield sender


def key_of(message_id: str, jid: str = ADA_JID, *, own: bool = True) -> dict[str, Any]:
    """Return a key."""
    return {"id": message_id, "remoteJid": jid, "fromMe": own}


# Reactions


@pytest.mark.parametrize("emoji", ["👍", "❤️", "👍🏽", "👨‍👩‍👧", "🇸🇪", "1️⃣", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", ""])
async def test_reaction(api: Sender, emoji: str) -> None:
    """One emoji, whatever it is made of; none takes it back. There is no recipient beside the key."""
    message_id = api.someone_writes()
    body = {"key": key_of(message_id, own=False), "reaction": emoji}
    answer = await api.post("/message/sendReaction/home", body, 201)
    assert (api.last.chat_id, api.last.kind, api.last.text) == (ADA_CHAT, Kind.REACTION, emoji)
    assert api.last.details == {"message_id": message_id}
    assert (answer["messageType"], answer["message"]["reactionMessage"]["text"]) == ("reactionMessage", emoji)


@pytest.mark.parametrize("reaction", ["👍👍", "ok", "1", "👍!", " ", "\u200d"])
async def test_no_emoji(api: Sender, reaction: str) -> None:
    """Anything else is refused."""
    refusal = await api.refused("sendReaction", key=key_of("3EB0"), reaction=reaction)
    assert refusal == (400, ["Reaction must be a single emoji or empty string"])


async def test_refused_reactions(api: Sender) -> None:
    """The key has to be whole, and its chat reachable."""
    missing = ['instance requires property "key"', 'instance requires property "reaction"']
    assert await api.refused("sendReaction") == (400, [missing])
    missing = [f'key requires property "{name}"' for name in ("id", "remoteJid", "fromMe")]
    assert await api.refused("sendReaction", key={}, reaction="👍") == (400, [missing])
    nobody = f"{NOBODY}@s.whatsapp.net"
    refusal = await api.refused("sendReaction", key=key_of("3EB0", nobody), reaction="👍")
    assert refusal == (400, [NOT_THERE | {"number": nobody}])
    api.instance.unlink()
    assert await api.refused("sendReaction", key=key_of("3EB0"), reaction="") == (500, "Connection Closed")


async def test_keys_that_whatsapp_does_not_understand(api: Sender) -> None:
    """The server passes them on, and answers as if it had worked. Unknown messages may be older than it."""
    message_id = api.someone_writes()
    for key in (key_of(message_id), key_of(message_id, FAMILY, own=False), key_of("3EB0", ADA), key_of("3EB0", "Ada")):
        answer = await api.post("/message/sendReaction/home", {"key": key, "reaction": "👍"}, 201)
        assert answer["status"] == "PENDING"
    assert api.arrived == []
    await api.post("/message/sendReaction/home", {"key": key_of("3EB0"), "reaction": "👍"}, 201)
    assert api.last.details == {"message_id": "3EB0"}


# Edits and deletions


async def test_edit(api: Sender) -> None:
    """The text, or that under a picture, is another then."""
    path = "/chat/updateMessage/home"
    key = (await api.send("Helo"))["key"]
    answer = await api.post(path, {"number": ADA, "text": "Hello", "key": key})
    assert (api.last.kind, api.last.text, api.last.chat_id) == (Kind.EDITED, "Hello", ADA_CHAT)
    assert api.last.details == {"message_id": key["id"]}
    change = answer["message"]["protocolMessage"]
    assert (change["key"]["id"], change["editedMessage"]) == (key["id"], {"conversation": "Hello"})
    picture = (await api.message("sendMedia", mediatype="image", media=encoded(PNG), caption="Lok"))["key"]
    await api.post(path, {"number": ADA, "text": "Look", "key": picture})
    assert api.last.details == {"message_id": picture["id"]}
    found = (await api.post("/chat/findMessages/home"))["messages"]["records"]
    assert [record["messageType"] for record in found] == ["imageMessage", "conversation"]
    assert (found[0]["message"]["imageMessage"]["caption"], found[1]["message"]) == ("Look", {"conversation": "Hello"})


async def test_refused_edits(api: Sender) -> None:
    """Only what the database knows as a text of that chat can be edited."""
    path = "/chat/updateMessage/home"
    key = (await api.send("Hello"))["key"]
    place = (await api.message("sendLocation", **LOCATION))["key"]
    before = len(api.arrived)
    whole = {"number": ADA, "text": "a", "key": key}
    missing = [f'instance requires property "{name}"' for name in whole]
    for body, message in (
        ({}, [missing]),
        (whole | {"key": {"id": "a"}}, [[f'key requires property "{name}"' for name in ("remoteJid", "fromMe")]]),
        (whole | {"text": " "}, ["Text is required"]),
        (whole | {"key": key_of("3EB0")}, ["Message not compatible"]),
        (whole | {"key": place}, ["Message not compatible"]),
        (whole | {"number": FAMILY}, ["RemoteJid does not match"]),
    ):
        assert await api.refusal("POST", path, json=body) == (400, message)
    # Somebody else's is for WhatsApp to refuse, which it does without a word.
    hers = api.someone_writes()
    for wrong in (key_of(hers), key_of(hers, own=False), key_of(key["id"], own=False)):
        await api.post(path, whole | {"key": wrong})
    api.instance.unlink()
    assert await api.refusal("POST", path, json=whole) == (500, "Connection Closed")
    assert len(api.arrived) == before


async def test_edit_that_is_late() -> None:
    """A quarter of an hour is the longest."""
    async with linked_sender(time_scale=0.0002) as api:
        body = {"number": ADA, "text": "Hello", "key": (await api.send("Helo"))["key"]}
        await api.emulator.clock.sleep(15 * 60)
        refusal = await api.refusal("POST", "/chat/updateMessage/home", json=body)
    assert refusal == (400, ["Message is older than 15 minutes"])


async def test_delete(api: Sender) -> None:
    """Its own messages anywhere, those of others as the admin of a group."""
    path = "/chat/deleteMessageForEveryone/home"
    key = (await api.send("Oops"))["key"]
    status, answer = await api.once("DELETE", path, json=key)
    assert (status, answer["messageType"]) == (201, "protocolMessage")
    assert answer["message"]["protocolMessage"] == {
        "key": {"remoteJid": ADA_JID, "id": key["id"]},
        "type": "REVOKE",
    }
    assert (api.last.kind, api.last.chat_id, api.last.details) == (Kind.DELETED, ADA_CHAT, {"message_id": key["id"]})
    [record] = (await api.post("/chat/findMessages/home"))["messages"]["records"]
    assert record["MessageUpdate"][-1] == {"status": "DELETED"}
    theirs = api.someone_writes(chat=FAMILY)
    body = {**key_of(theirs, FAMILY, own=False), "participant": ADA_JID}
    assert (await api.once("DELETE", path, json=body))[0] == 201
    assert (api.last.chat_id, api.last.details) == (FAMILY, {"message_id": theirs})
    assert (await api.once("DELETE", path, json=key_of("3EB0")))[0] == 201
    assert api.last.details == {"message_id": "3EB0"}


async def test_deletions_that_do_not_work(api: Sender) -> None:
    """WhatsApp ignores what makes no sense; the server says no more than for others."""
    path = "/chat/deleteMessageForEveryone/home"
    missing = [f'instance requires property "{name}"' for name in ("id", "remoteJid", "fromMe")]
    assert await api.refusal("DELETE", path, json={"key": {}}) == (400, [missing])
    hers = api.someone_writes()
    key = (await api.send("Hello"))["key"]
    for wrong in (key_of(hers), key_of(hers, own=False), key | {"fromMe": False}, key | {"remoteJid": FAMILY}):
        assert (await api.once("DELETE", path, json=wrong))[0] == 201
    api.instance.unlink()
    refusal = await api.refusal("DELETE", path, json=key)
    assert refusal == (500, ["Error while deleting message for everyone", "Error: Connection Closed"])
    assert len(api.arrived) == 1


# Read marks and typing


async def test_mark_read(api: Sender) -> None:
    """What others wrote is read then, chat by chat."""
    path = "/chat/markMessageAsRead/home"
    first, second = api.someone_writes(), api.someone_writes()
    third = api.someone_writes(chat=FAMILY)
    assert (await api.unread(), await api.unread(FAMILY)) == (2, 1)
    keys = [key_of(first, own=False), key_of(third, FAMILY, own=False), key_of(second, own=False)]
    done = {"message": "Read messages", "read": "success"}
    assert await api.post(path, {"readMessages": keys}, 201) == done
    assert api.notices == [(ADA_CHAT, Signal.READ, (first, second)), (FAMILY, Signal.READ, (third,))]
    assert (await api.unread(), await api.unread(FAMILY)) == (0, 0)
    # Again, and about one that the server does not know.
    assert await api.post(path, {"readMessages": [keys[0], key_of("3EB0", own=False)]}, 201) == done
    assert api.notices[2:] == [(ADA_CHAT, Signal.READ, (first, "3EB0"))]
    assert await api.unread() == 0


async def test_marks_that_are_left_out(api: Sender) -> None:
    """Other kinds of chats, and what the account wrote itself; the answer is the same."""
    own = (await api.send())["key"]
    hers = api.someone_writes()
    keys = [own, key_of("3EB0", "98765432109876@lid", own=False), key_of(hers, FAMILY, own=False), key_of("3EB0", ADA)]
    answer = await api.post("/chat/markMessageAsRead/home", {"readMessages": keys}, 201)
    assert answer == {"message": "Read messages", "read": "success"}
    assert api.notices == []
    assert await api.unread() == 1


async def test_refused_marks(api: Sender) -> None:
    """The list has to be there, and whole."""
    path = "/chat/markMessageAsRead/home"
    key = key_of("3EB0", own=False)
    for body, failure in (
        ({}, 'instance requires property "readMessages"'),
        ({"readMessages": []}, "readMessages does not meet minimum length of 1"),
        ({"readMessages": ["3EB0"]}, "readMessages[0] is not of a type(s) object"),
        ({"readMessages": [key, key]}, "readMessages contains duplicate item"),
        ({"readMessages": [{"id": "3EB0", "fromMe": False}]}, 'readMessages[0] requires property "remoteJid"'),
    ):
        assert await api.refusal("POST", path, json=body) == (400, [[failure]])
    api.instance.unlink()
    refusal = await api.refusal("POST", path, json={"readMessages": [key]})
    assert refusal == (500, ["Read messages fail", "Error: Connection Closed"])


@pytest.mark.parametrize(
    ("presence", "signals"),
    [
        ("composing", [Signal.TYPING, Signal.PAUSED]),
        ("recording", [Signal.RECORDING, Signal.PAUSED]),
        ("paused", [Signal.PAUSED]),
        ("available", []),
        ("unavailable", []),
    ],
)
async def test_presence(api: Sender, presence: str, signals: list[Signal]) -> None:
    """It is shown as long as the answer waits."""
    before = api.emulator.clock.now()
    body = {"number": FAMILY, "presence": presence, "delay": 1200}
    assert await api.post("/chat/sendPresence/home", body, 201) == {"presence": presence}
    assert api.emulator.clock.now() - before >= 1.2
    assert api.notices == [(FAMILY, signal, ()) for signal in signals]


async def test_refused_presence(api: Sender) -> None:
    """Exceptions become texts here, even those that are none."""
    path = "/chat/sendPresence/home"
    whole: dict[str, Any] = {"number": ADA, "presence": "composing", "delay": 0}
    choices = "composing,recording,paused,available,unavailable"
    for body, message in (
        ({}, [[f'instance requires property "{name}"' for name in whole]]),
        (whole | {"presence": "typing"}, [[f"presence is not one of enum values: {choices}"]]),
        (whole | {"delay": "1200"}, [["delay is not of a type(s) integer"]]),
        (whole | {"number": NOBODY}, ["[object Object]"]),
    ):
        assert await api.refusal("POST", path, json=body) == (400, message)
    api.instance.unlink()
    assert await api.refusal("POST", path, json=whole) == (400, ["Error: Connection Closed"])
    assert api.notices == []


async def test_never_connected(api: Sender) -> None:
    """Then there is no object to call a method of, which shows in what cannot be done."""
    made = api.emulator.gateways["evolution"].create_instance(instance_id="new")
    assert isinstance(made, EvolutionInstance)
    undefined = "Cannot read properties of undefined (reading '{}')"
    refusals: tuple[tuple[str, dict[str, Any], tuple[int, Any]], ...] = (
        (
            "message/sendMedia",
            {"mediatype": "image", "media": "aGVsbG8="},
            (500, undefined.format("onWhatsApp")),
        ),
        (
            "chat/sendPresence",
            {"number": FAMILY, "presence": "paused", "delay": 0},
            (400, [f"TypeError: {undefined.format('sendPresenceUpdate')}"]),
        ),
        (
            "chat/markMessageAsRead",
            {"readMessages": [key_of("3EB0")]},
            (500, ["Read messages fail", f"TypeError: {undefined.format('readMessages')}"]),
        ),
    )
    for path, body, refusal in refusals:
        assert await api.refusal("POST", f"/{path}/new", json={"number": ADA, **body}) == refusal


# As a whole


async def test_restricted_account(api: Sender) -> None:
    """What is done to a message waits with it."""
    api.instance.limit()
    key = (await api.send("Helo"))["key"]
    await api.post("/chat/updateMessage/home", {"number": ADA, "text": "Hello", "key": key})
    assert api.arrived == []
    api.instance.restore()
    assert [message.kind for message in api.arrived] == [Kind.TEXT, Kind.EDITED]
