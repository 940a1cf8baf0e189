"""Asking somebody and waiting for the answer."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
import gc
import time
from typing import Any

import pytest

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component

from custom_components.whatsapp_link.asking import Question
from custom_components.whatsapp_link.const import DOMAIN
from custom_components.whatsapp_link.coordinator import WhatsAppLinkCoordinator
from custom_components.whatsapp_link.gateways import waha_polling
from custom_components.whatsapp_link.gateways.capability import Way
from custom_components.whatsapp_link.gateways.events import Event, EventKind, Sender
from tests.conftest import instance_of
from tests.emulator import Emulator
from tests.emulator.model import Kind, Message
from tests.incoming import FAMILY, ROBIN, ROBINS_CHAT, tell
from tests.test_entities import LAST_SENT, NOTIFY, state_of, until
from tests.test_services import loaded, recipient

ADA = "13035550142"
OPTIONS = ["Yes", "No", "Later"]


def ask(hass: HomeAssistant, **data: Any) -> asyncio.Task[Any]:
    """Ask Robin, or who is among the data."""
    target = {} if "chats" in data else {"entity_id": NOTIFY}
    call = {"question": "Close the door?", "options": OPTIONS, "time": 5, **target, **data}
    return asyncio.create_task(
        hass.services.async_call("whatsapp_link", "ask", call, blocking=True, return_response=True)
    )


async def asked(emulator: Emulator, coordinator: WhatsAppLinkCoordinator, count: int = 1) -> list[Message]:
    """Wait until so many questions are on phones and waited for, and return them."""
    await until(lambda: sum(map(len, coordinator.mailbox.open_questions.values())) == count)
    await until(lambda: len(emulator.phone.messages()) >= count)
    return emulator.phone.messages()


def without_polls(monkeypatch: pytest.MonkeyPatch, coordinator: WhatsAppLinkCoordinator) -> None:
    """Have a gateway that knows no polls."""
    kind = type(coordinator.gateway)
    monkeypatch.setattr(kind, "capabilities", kind.capabilities - {"send_poll"})


@asynccontextmanager
async def polled(
    hass: HomeAssistant, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[WhatsAppLinkCoordinator]:
    """Have an instance whose gateway is looked at now and then; Robin is heard already."""
    monkeypatch.setattr(waha_polling, "LOOK_EVERY", 0.05)
    instance = instance_of(emulator, "wawp")
    async with loaded(hass, instance, recipient("Robin", ROBINS_CHAT), receiving="automatic") as entry:
        coordinator: WhatsAppLinkCoordinator = entry.runtime_data
        await until(lambda: coordinator.receiving.way is Way.POLLING)
        while not coordinator.inbox.kinds:
            emulator.phone.write(f"wawp/{instance.id}", f"+{ROBIN}", "Can you hear me?")
            await asyncio.sleep(0.1)
        yield coordinator


async def test_poll(hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator) -> None:
    """A poll is answered by voting in it; a vote in another poll is none."""
    asking = ask(hass)
    (poll,) = await asked(emulator, coordinator)
    assert (poll.kind, poll.text, poll.details) == (
        Kind.POLL,
        "Close the door?",
        {"options": OPTIONS, "multiple": False},
    )
    await tell(coordinator, EventKind.POLL_VOTE, about="another poll", options=("Yes",))
    await tell(coordinator, EventKind.POLL_VOTE, about=poll.id, options=())
    await tell(coordinator, EventKind.POLL_VOTE, about=poll.id, options=("Yes",), from_me=True)
    assert not asking.done()
    await tell(coordinator, EventKind.POLL_VOTE, about=poll.id, options=("No",))
    assert await asking == {"answered": True, "answer": "No", "index": 1, "sender": ROBIN}


@pytest.mark.parametrize(
    ("words", "index"), [("2", 1), (" 3. ", 2), ("yes", 0), ("LATER", 2), ("1)", 0)], ids=lambda value: str(value)
)
async def test_text(
    hass: HomeAssistant,
    emulator: Emulator,
    coordinator: WhatsAppLinkCoordinator,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    index: int,
) -> None:
    """Where there are no polls, the options are numbered; the number or the words are an answer, anything else is not."""
    without_polls(monkeypatch, coordinator)
    asking = ask(hass)
    (question,) = await asked(emulator, coordinator)
    assert question.text == "Close the door?\n\n1. Yes\n2. No\n3. Later"
    for wrong in ("0", "4", "perhaps", "²", "", "12"):
        await tell(coordinator, text=wrong)
    await tell(coordinator, text=words, from_me=True)
    await tell(coordinator, text=words, chat_id=f"{ADA}@c.us", sender=Sender(ADA))
    assert not asking.done()
    await tell(coordinator, text=words)
    assert (await asking)["index"] == index


@pytest.mark.parametrize(("engine", "kind"), [("GOWS", Kind.POLL), ("NOWEB", Kind.POLL), ("WEBJS", Kind.TEXT)])
async def test_engines(hass: HomeAssistant, emulator: Emulator, engine: str, kind: Kind) -> None:
    """WAHA tells of votes with some of its engines only; with the others, a poll would never be answered."""
    instance = instance_of(emulator, "waha")
    instance.options.engine = engine  # type: ignore[attr-defined] # as WAHA has it
    async with loaded(hass, instance, recipient("Robin", ROBINS_CHAT)) as entry:
        entry.runtime_data.receiving.way = Way.STREAM
        asking = ask(hass)
        (question,) = await asked(emulator, entry.runtime_data)
        assert question.kind is kind
        await tell(entry.runtime_data, text="1")
        assert (await asking)["answer"] == "Yes"


async def test_polling(hass: HomeAssistant, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wawp's lists of messages have no votes, so the options are numbered there."""
    async with polled(hass, emulator, monkeypatch) as coordinator:
        asking = ask(hass, time=60)
        (question,) = await asked(emulator, coordinator)
        assert question.text == "Close the door?\n\n1. Yes\n2. No\n3. Later"
        emulator.phone.write(question.instance, f"+{ROBIN}", "2")
        assert (await asking)["answer"] == "No"


async def test_no_answer(hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator) -> None:
    """When the time is over, nobody has answered, and nothing is left behind."""
    assert await ask(hass, time=1) == {"answered": False, "answer": None, "index": None, "sender": None}
    assert coordinator.mailbox.open_questions == {ROBINS_CHAT: []}
    await tell(coordinator, text="1")


async def test_written_before(
    hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number that was written before the question, and comes in late, answers nothing: it was for another one."""
    without_polls(monkeypatch, coordinator)
    asking = ask(hass)
    (question,) = await asked(emulator, coordinator)
    await tell(coordinator, text="1", timestamp=time.time() - 30)
    assert not asking.done()
    # By the clock of the phone, which may go wrong; but it is a reply to this one.
    await tell(coordinator, text="2", timestamp=time.time() - 30, reply_to=question.id)
    assert (await asking)["answer"] == "No"


async def test_stopped(hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator) -> None:
    """A script that is stopped while it waits leaves nothing behind."""
    asking = ask(hass)
    await asked(emulator, coordinator)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await until(lambda: coordinator.mailbox.open_questions == {ROBINS_CHAT: []})


async def test_stopped_before_it_is_asked(
    hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator
) -> None:
    """A script that is stopped before the question is out asks nothing."""
    other_is_out = asyncio.Event()
    other = asyncio.create_task(coordinator.outbox.send(other_is_out.wait))
    await asyncio.sleep(0)
    asking = ask(hass)
    await asyncio.sleep(0.05)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    other_is_out.set()
    await other
    await hass.async_block_till_done()
    assert emulator.phone.messages() == []
    assert coordinator.mailbox.open_questions == {ROBINS_CHAT: []}


async def test_two_polls(hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator) -> None:
    """Two questions to the same person do not mix."""
    first, second = ask(hass), ask(hass, question="Lights off?")
    polls = await asked(emulator, coordinator, 2)
    by_text = {poll.text: poll.id for poll in polls}
    await tell(coordinator, EventKind.POLL_VOTE, about=by_text["Lights off?"], options=("Later",))
    await tell(coordinator, EventKind.POLL_VOTE, about=by_text["Close the door?"], options=("Yes",))
    assert ((await first)["answer"], (await second)["answer"]) == ("Yes", "Later")


async def test_two_texts(
    hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reply answers the question that it replies to, a number by itself the latest."""
    without_polls(monkeypatch, coordinator)
    first = ask(hass)
    await asked(emulator, coordinator)
    second = ask(hass, question="Lights off?")
    questions = await asked(emulator, coordinator, 2)
    await tell(coordinator, text="1", reply_to="something else")
    await tell(coordinator, text="2")
    assert (await second)["answer"] == "No"
    assert not first.done()
    third = ask(hass, question="Heating down?")
    await asked(emulator, coordinator, 2)
    await tell(coordinator, text="3", reply_to=questions[0].id)
    assert (await first)["answer"] == "Later"
    await tell(coordinator, text="1")
    assert (await third)["answer"] == "Yes"


@pytest.mark.parametrize("allowed", [[], [f"+{ROBIN}"]])
async def test_group(
    hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator, allowed: list[str]
) -> None:
    """In a group everybody may answer, or only those who are named."""
    asking = ask(hass, chats=[FAMILY], answer_from=allowed)
    (poll,) = await asked(emulator, coordinator)
    vote = {"about": poll.id, "chat_id": FAMILY}
    await tell(coordinator, EventKind.POLL_VOTE, options=("Yes",), sender=Sender(ADA), **vote)
    await tell(coordinator, EventKind.POLL_VOTE, options=("No",), sender=Sender(ROBIN), **vote)
    answer = await asking
    assert (answer["answer"], answer["sender"]) == (("No", ROBIN) if allowed else ("Yes", ADA))


async def test_answer_before_the_id_is_known(
    hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody quick has answered before the gateway told the id of the question."""
    gateway = coordinator.gateway
    send_poll = gateway.send_poll

    async def answered_at_once(*args: Any, **options: Any) -> Any:
        sent = await send_poll(*args, **options)
        await tell(coordinator, EventKind.POLL_VOTE, about=sent.message_id, options=("Yes",))
        return sent

    monkeypatch.setattr(gateway, "send_poll", answered_at_once)
    assert (await ask(hass))["answer"] == "Yes"


# --- without an id ---------------------------------------------------------------------------------


@pytest.fixture
async def queued(hass: HomeAssistant, emulator: Emulator) -> AsyncGenerator[WhatsAppLinkCoordinator]:
    """Return the coordinator of an instance whose gateway says of a message only that it waits in a queue."""
    instance = instance_of(emulator, "wawp")
    instance.options.sent_as = "queued"  # type: ignore[attr-defined] # as Wawp has it
    async with loaded(hass, instance, recipient("Robin", ROBINS_CHAT)) as entry:
        entry.runtime_data.receiving.way = Way.WEBHOOK
        yield entry.runtime_data


async def sent(coordinator: WhatsAppLinkCoordinator, count: int = 1) -> None:
    """Wait until the gateway has taken so many questions and told what it has to tell."""
    questions = coordinator.mailbox.open_questions
    await until(lambda: sum(each.message_id is not None for each in questions.get(ROBINS_CHAT, [])) == count)  # type: ignore[attr-defined] # as questions have it


async def test_vote_without_an_id(hass: HomeAssistant, emulator: Emulator, queued: WhatsAppLinkCoordinator) -> None:
    """A vote that came after the poll is one in it, as nobody can know better; in another chat it is not."""
    asking = ask(hass, time=60)
    (poll,) = await asked(emulator, queued)
    await sent(queued)
    assert poll.kind is Kind.POLL
    await tell(queued, EventKind.POLL_VOTE, about=poll.id, options=("Yes",), timestamp=time.time() - 60)
    await tell(queued, EventKind.POLL_VOTE, about=poll.id, options=("Yes",), chat_id=FAMILY)
    await tell(queued, EventKind.POLL_VOTE, about=poll.id, options=("Never",))
    assert not asking.done()
    await tell(queued, EventKind.POLL_VOTE, about=poll.id, options=("No",))
    assert (await asking)["answer"] == "No"


async def test_reply_without_an_id(hass: HomeAssistant, emulator: Emulator, queued: WhatsAppLinkCoordinator) -> None:
    """A reply answers the latest question; what comes before the gateway took it does not get lost either."""
    first = ask(hass, time=60)
    await sent(queued)
    second = ask(hass, time=60, question="Lights off?")
    (_, poll) = await asked(emulator, queued, 2)
    await tell(queued, text="2", reply_to=poll.id)
    assert (await second)["answer"] == "No"
    assert not first.done()
    await tell(queued, text="1", reply_to="whatever")
    assert (await first)["answer"] == "Yes"


async def test_only_some_ids(hass: HomeAssistant, emulator: Emulator, queued: WhatsAppLinkCoordinator) -> None:
    """Who refers to a question whose id is known means that one; else one whose id is not."""
    options: Any = instance_of(emulator, "wawp").options  # type: ignore[attr-defined] # as Wawp has it
    options.sent_as = "webjs"
    first = ask(hass, time=60)
    (known,) = await asked(emulator, queued)
    options.sent_as = "queued"
    second = ask(hass, time=60, question="Lights off?")
    await asked(emulator, queued, 2)
    await sent(queued, 2)
    options.sent_as = "webjs"
    third = ask(hass, time=60, question="Heating down?")
    await asked(emulator, queued, 3)
    await sent(queued, 3)
    await tell(queued, text="3", reply_to=known.id)
    assert (await first)["answer"] == "Later"
    await tell(queued, EventKind.POLL_VOTE, about="nobody knows", options=("No",))
    assert (await second)["answer"] == "No"
    assert not third.done()
    await tell(queued, text="1")
    assert (await third)["answer"] == "Yes"


async def test_vote_for_a_text_without_an_id(
    hass: HomeAssistant, emulator: Emulator, queued: WhatsAppLinkCoordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text has nothing to vote in: whoever votes does so in an older poll."""
    without_polls(monkeypatch, queued)
    asking = ask(hass, time=60)
    await asked(emulator, queued)
    await sent(queued)
    await tell(queued, EventKind.POLL_VOTE, about="an older poll", options=("Yes",))
    assert not asking.done()
    await tell(queued, text="no")
    assert (await asking)["answer"] == "No"


async def test_nothing_piles_up(hass: HomeAssistant, emulator: Emulator, queued: WhatsAppLinkCoordinator) -> None:
    """Of what cannot be an answer nothing is kept, however long a question waits."""
    other_is_out = asyncio.Event()
    other = asyncio.create_task(queued.outbox.send(other_is_out.wait))
    await asyncio.sleep(0)
    asking = ask(hass, time=60)
    await asyncio.sleep(0)

    async def tell_a_lot() -> None:
        for kind in (EventKind.DELIVERED, EventKind.READ, EventKind.REACTION):
            await tell(queued, kind, about="something else")
        await tell(queued, text="1", reply_to="something else", chat_id=FAMILY)
        await tell(queued, text="How are you?", reply_to="something else")

    await tell_a_lot()
    other_is_out.set()
    await other
    await asked(emulator, queued)
    await sent(queued)
    await tell_a_lot()
    gc.collect()
    kept = [each for each in gc.get_objects() if isinstance(each, Event)]
    assert not [each for each in kept if "something else" in (each.about, each.reply_to)]
    await tell(queued, text="1")
    await asking


# --- what cannot be --------------------------------------------------------------------------------


async def test_receiving_off(hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator) -> None:
    """Who receives nothing cannot wait for an answer: nothing is asked then."""
    coordinator.receiving.way = None
    with pytest.raises(HomeAssistantError) as caught:
        await ask(hass)
    assert caught.value.translation_key == "cannot_wait"


async def test_no_way_left(hass: HomeAssistant, emulator: Emulator) -> None:
    """Receiving is on, but there can be no webhook: the words do not say to turn it on."""
    instance = instance_of(emulator, "wawp")
    async with loaded(hass, instance, recipient("Robin", ROBINS_CHAT), receiving="webhook") as entry:
        issues = ir.async_get(hass).issues
        await until(lambda: entry.runtime_data.receiving.way is None and any(key[0] == DOMAIN for key in issues))
        with pytest.raises(HomeAssistantError) as caught:
            await ask(hass)
    assert str(caught.value).endswith(
        "does not receive anything at the moment, so nothing can be waited for. Look at its options, and at "
        "Settings > System > Repairs"
    )


async def test_one_at_a_time(hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator) -> None:
    """A question goes to one chat."""
    with pytest.raises(ServiceValidationError) as caught:
        await ask(hass, chats=[f"+{ROBIN}", f"+{ADA}"])
    assert caught.value.translation_key == "ask_one"


async def test_wrong_number_among_those_who_may_answer(
    hass: HomeAssistant, coordinator: WhatsAppLinkCoordinator
) -> None:
    """A number that is none is told by its place."""
    with pytest.raises(ServiceValidationError) as caught:
        await ask(hass, chats=[FAMILY], answer_from=[f"+{ROBIN}", "202 555 0199"])
    assert caught.value.translation_key == "chat_no_country_code"
    assert caught.value.translation_placeholders == {"place": "2"}


@pytest.mark.parametrize(
    ("options", "words", "answer"),
    [
        (["Yes.", "No!"], "yes", "Yes."),
        (["Yes (now)", "No (later)"], "no (later)", "No (later)"),
        (["0", "1", "2"], "1", "1"),
        (["10", "20"], "2", "20"),
        ([" Straße", "Weg"], "STRASSE ", " Straße"),
    ],
)
async def test_odd_options(
    hass: HomeAssistant,
    emulator: Emulator,
    coordinator: WhatsAppLinkCoordinator,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    words: str,
    answer: str,
) -> None:
    """The words of an option are an answer whatever they are, and come before a number."""
    without_polls(monkeypatch, coordinator)
    asking = ask(hass, options=options)
    await asked(emulator, coordinator)
    await tell(coordinator, text=words)
    assert (await asking)["answer"] == answer


async def test_endless_number(hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator) -> None:
    """A number that is too long for Python is no answer, and stops nothing."""
    asking = ask(hass)
    await asked(emulator, coordinator)
    await tell(coordinator, text="1" * 5000)
    await tell(coordinator, text="1")
    assert (await asking)["answer"] == "Yes"


async def test_other_kinds_are_no_answer(
    hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator
) -> None:
    """Words below a picture, an edit or a reaction are no answer; nor is a vote for what was not asked."""
    asking = ask(hass)
    (poll,) = await asked(emulator, coordinator)
    for kind in (EventKind.IMAGE, EventKind.EDITED, EventKind.REACTION):
        await tell(coordinator, kind, text="Yes", about=poll.id)
    await tell(coordinator, EventKind.POLL_VOTE, about=poll.id, options=("Never",))
    assert not asking.done()
    await tell(coordinator, EventKind.POLL_VOTE, about=poll.id, options=("Never", "Later"))
    assert (await asking)["answer"] == "Later"


async def test_one_answer_for_one_question(
    hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number that comes while the second question goes out answers one of both, not both."""
    without_polls(monkeypatch, coordinator)
    first = ask(hass)
    await asked(emulator, coordinator)
    gateway = coordinator.gateway
    send_text = gateway.send_text

    async def answered_at_once(*args: Any, **options: Any) -> Any:
        await tell(coordinator, text="1")
        return await send_text(*args, **options)

    monkeypatch.setattr(gateway, "send_text", answered_at_once)
    second = ask(hass, question="Lights off?")
    assert (await second)["answer"] == "Yes"
    assert not first.done()
    await tell(coordinator, text="2")
    assert (await first)["answer"] == "No"


async def test_not_before_it_is_asked(
    hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What somebody writes while the question waits for other messages to go out is no answer to it."""
    without_polls(monkeypatch, coordinator)
    outbox = coordinator.outbox
    other_is_out = asyncio.Event()
    other = asyncio.create_task(outbox.send(other_is_out.wait))
    await asyncio.sleep(0)
    asking = ask(hass)
    await asyncio.sleep(0.05)
    await tell(coordinator, text="yes")
    await tell(coordinator, text="no", reply_to="the other message")
    other_is_out.set()
    await other
    await asked(emulator, coordinator)
    assert not asking.done()
    await tell(coordinator, text="later")
    assert (await asking)["answer"] == "Later"


async def test_question_is_a_message(
    hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator
) -> None:
    """A question is a message that went out, and is seen as such."""
    assert state_of(hass, LAST_SENT) == "unknown"
    asking = ask(hass)
    (poll,) = await asked(emulator, coordinator)
    await until(lambda: state_of(hass, LAST_SENT) != "unknown")
    await tell(coordinator, EventKind.POLL_VOTE, about=poll.id, options=("Yes",))
    await asking


async def test_not_asked(hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator) -> None:
    """A question that the gateway refuses is an error, and nobody waits."""
    emulator.faults.add("green_api", "401", 1000)
    with pytest.raises(HomeAssistantError) as caught:
        await ask(hass)
    assert caught.value.translation_key == "invalid_auth"
    assert coordinator.mailbox.open_questions == {ROBINS_CHAT: []}


async def test_script_stopped(hass: HomeAssistant, emulator: Emulator, coordinator: WhatsAppLinkCoordinator) -> None:
    """Of a script that is turned off while it waits, no question is left anywhere."""
    call = {"question": "Close?", "options": OPTIONS, "time": 600}
    step = {"action": "whatsapp_link.ask", "target": {"entity_id": NOTIFY}, "data": call, "response_variable": "said"}
    assert await async_setup_component(hass, "script", {"script": {"close": {"sequence": [step]}}})
    await hass.services.async_call("script", "turn_on", {"entity_id": "script.close"})
    await asked(emulator, coordinator)
    assert state_of(hass, "script.close") == "on"
    await hass.services.async_call("script", "turn_off", {"entity_id": "script.close"}, blocking=True)
    await until(lambda: coordinator.mailbox.open_questions == {ROBINS_CHAT: []})
    await hass.async_block_till_done()
    # Neither is it watched for.
    gc.collect()
    assert not [each for each in gc.get_objects() if isinstance(each, Question)]


# --- with a gateway that tells what happens --------------------------------------------------------


@pytest.fixture
async def waha(hass: HomeAssistant, emulator: Emulator) -> AsyncGenerator[WhatsAppLinkCoordinator]:
    """Return the coordinator of an instance whose gateway tells what phones do."""
    instance = instance_of(emulator, "waha")
    async with loaded(hass, instance, recipient("Robin", ROBINS_CHAT), receiving="automatic") as entry:
        await until(lambda: emulator.gateways["waha"].sockets == 1)  # type: ignore[attr-defined] # as only WAHA has it
        yield entry.runtime_data


async def test_vote_on_the_phone(hass: HomeAssistant, emulator: Emulator, waha: WhatsAppLinkCoordinator) -> None:
    """Two polls are out: each is answered by the vote in it."""
    first, second = ask(hass), ask(hass, question="Lights off?")
    by_text = {poll.text: poll.id for poll in await asked(emulator, waha, 2)}
    for question, option in (("Lights off?", "No"), ("Close the door?", "Later")):
        details = {"message_id": by_text[question], "options": [option]}
        emulator.phone.write("waha/default", f"+{ROBIN}", kind=Kind.POLL_VOTE, details=details)
    assert await first == {"answered": True, "answer": "Later", "index": 2, "sender": ROBIN}
    assert (await second)["answer"] == "No"


async def test_reply_on_the_phone(
    hass: HomeAssistant, emulator: Emulator, waha: WhatsAppLinkCoordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of two texts is answered by a reply to it, the latest by a number alone."""
    without_polls(monkeypatch, waha)
    first = ask(hass)
    await asked(emulator, waha)
    second = ask(hass, question="Lights off?")
    questions = await asked(emulator, waha, 2)
    emulator.phone.write_own("waha/default", ROBINS_CHAT, "3")
    emulator.phone.write("waha/default", f"+{ROBIN}", "Which?")
    emulator.phone.write("waha/default", f"+{ROBIN}", "2", quoted_id=questions[0].id)
    emulator.phone.write("waha/default", f"+{ROBIN}", "1")
    assert ((await first)["answer"], (await second)["answer"]) == ("No", "Yes")
