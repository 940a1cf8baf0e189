"""What WAHA and its dialects tell, with anything at all in the place of what they should tell."""

from collections.abc import Iterator
from dataclasses import asdict
import json
from typing import Any

import aiohttp
from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from custom_components.whatsapp_link.gateways import waha_events
from custom_components.whatsapp_link.gateways.errors import Forged, InvalidAnswer
from custom_components.whatsapp_link.gateways.events import Event
from custom_components.whatsapp_link.gateways.model import Session
from custom_components.whatsapp_link.gateways.waha import Waha
from custom_components.whatsapp_link.gateways.wawp import Wawp
from tests.gateways.nonsense import EXAMPLES
from tests.gateways.test_waha_events import (
    ADA,
    ADA_LID,
    CONTENTS,
    CREDENTIALS,
    GROUP,
    HIDDEN,
    HOOK,
    ID,
    ME,
    REVOKED,
    Told,
    ack,
    edited,
    envelope,
    reaction,
    signed,
    vote,
)

PAYLOADS = [
    *(payload for payload, _ in CONTENTS.values()),
    reaction(),
    edited(),
    ack(3),
    vote(["Yes"]),
    *REVOKED.values(),
    {"id": "A1B2", "from": ADA, "timestamp": 1, "_data": {"CallCreatorAlt": ADA}},
    {"status": "WORKING"},
]
EVENTS = [*waha_events.EVENTS, "message", "unheard.of"]


def names_in(content: Any) -> Iterator[str]:
    """Return every name of a field."""
    if isinstance(content, dict):
        for name, inner in content.items():
            yield name
            yield from names_in(inner)
    elif isinstance(content, list):
        for inner in content:
            yield from names_in(inner)


NAMES = st.sampled_from(sorted({*names_in([PAYLOADS, *HIDDEN.values()])}))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    # Half of a character, as JSON can have it.
    | st.just("_\ud83d_\ud83d_\ud83d")
    | st.sampled_from([ADA, ADA_LID, GROUP, ME, "status@broadcast", f"false_{ADA}_{ID}", f"true_{GROUP}_{ID}_{ADA}"])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=4,
)


@st.composite
def calls(draw: st.DrawFn) -> Any:
    """Return a call that is right but for some of its fields."""
    payload = dict(draw(st.sampled_from(PAYLOADS)))
    for name in draw(st.lists(st.sampled_from(sorted(payload)), max_size=3)):
        payload[name] = draw(ANYTHING)
    content = envelope(payload, draw(st.sampled_from(EVENTS)))
    for name in draw(st.lists(st.sampled_from(["timestamp", "event", "session", "me", "payload"]), max_size=1)):
        content[name] = draw(ANYTHING)
    return draw(st.sampled_from([content, [content], [content, content]]))


def assert_sound(news: Told) -> None:
    """Check that whoever reads an event finds what the contract promises."""
    for each in news:
        assert isinstance(each, Session | Event)
        if isinstance(each, Event):
            assert each.event_id
            assert each.chat_id.endswith(("@c.us", "@g.us", "@lid", "@newsletter"))
            assert 0 < each.timestamp <= 1e11
            assert each.sender.number == "" or each.sender.number.isdecimal()
            assert each.sender.lid == "" or each.sender.lid.endswith("@lid")
            # Home Assistant writes it down.
            json.dumps(asdict(each), ensure_ascii=False).encode()
            assert "13035550142" not in repr(each)


@pytest.fixture
async def waha(session: aiohttp.ClientSession) -> Waha:
    """A client that asks nobody."""
    return Waha(session, "http://127.0.0.1:9", CREDENTIALS)


@pytest.fixture
async def wawp(session: aiohttp.ClientSession) -> Wawp:
    """A client that asks nobody."""
    return Wawp(session, "http://127.0.0.1:9", {"token": "0ddba11" * 4, "instance_id": "0DDBA11C0FFE"})


def read(gateway: Waha | Wawp, headers: dict[str, str], body: bytes) -> Told:
    """Return what a call tells, nothing if it makes no sense."""
    try:
        return gateway.parse_webhook(headers | signed(body), body, HOOK)
    except InvalidAnswer, Forged:
        return []


@pytest.mark.timeout(300)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=calls() | ANYTHING)
def test_calls(waha: Waha, wawp: Wawp, content: Any) -> None:
    """Whatever is in a call, it is an event, nothing, or our error."""
    body = json.dumps(content).encode()
    for gateway in (waha, wawp):
        assert_sound(read(gateway, {}, body))


@pytest.mark.timeout(300)
@settings(max_examples=EXAMPLES // 10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=60), headers=st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=3))
def test_bytes(waha: Waha, wawp: Wawp, body: bytes, headers: dict[str, str]) -> None:
    """Whatever bytes come, and with whatever headers."""
    with pytest.raises(Forged):
        waha.parse_webhook(headers, body, HOOK)
    for gateway in (waha, wawp):
        assert_sound(read(gateway, headers, body))
