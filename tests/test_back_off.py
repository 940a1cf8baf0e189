"""How long is waited before something is tried again."""

import asyncio

import pytest

from custom_components.whatsapp_link.back_off import BackOff


async def test_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """They grow from half a minute to half an hour, and are short again after it was of use."""
    now = 1000.0

    def pause() -> float:
        """Wait until it may be tried, and return how long that took."""
        nonlocal now
        started = now
        while not back_off.is_due:
            now += 1
        return now - started

    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    back_off = BackOff()
    assert pause() == 0
    for expected in (30, 60, 120, 240, 480, 960, 1800, 1800):
        back_off.note_try()
        assert pause() == expected
    back_off.note_try()
    back_off.note_use()
    for expected in (30, 30, 60):
        assert pause() == expected
        back_off.note_try()
