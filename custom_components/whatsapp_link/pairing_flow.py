"""The steps in which a phone is linked, for whichever reason."""

from abc import abstractmethod
import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, override

import voluptuous as vol

from homeassistant.config_entries import ConfigFlow, ConfigFlowResult
from homeassistant.core import callback
from homeassistant.helpers.selector import TextSelectorType

from .credentials_form import text
from .errors import error_key, error_placeholders
from .gateways.address import InvalidAddress, parse_phone
from .gateways.capability import Capability
from .gateways.errors import GatewayError, WrongState
from .gateways.gateway import Gateway
from .gateways.model import PairingCode, Session
from .pairing import NOT_UP, Pairing, PairingTimeout, Watch
from .pairing_by_code import PairingByCode
from .pairing_view import PairingView

_WAYS_TO_PAIR = {"pair_qr": Capability.GET_QR, "pair_code": Capability.REQUEST_PAIRING_CODE}

_PHONE = "phone"


class PairingFlow(ConfigFlow):
    """Shows a code, or hands one out, until a phone is linked; then `async_finish` goes on."""

    def __init__(self) -> None:
        """Begin with nothing to show."""
        self._gateway: Gateway
        self._view: PairingView | None = None
        self._teller: asyncio.Task[None] | None = None
        self._failure: GatewayError | None = None
        self._typed_phone: dict[str, Any] = {}

    @abstractmethod
    async def async_finish(self) -> ConfigFlowResult:
        """Go on: a phone is linked."""

    def make_watch(self, on_change: Callable[[], None], *, with_qr: bool, time_limit: float) -> Watch:
        """Return what waits for the phone."""
        return Pairing(self._gateway, on_change, with_qr=with_qr, time_limit=time_limit)

    def make_room_for_code(self) -> None:
        """Stop what would be in the way of a pairing code: some gateways have one code of either kind at a time."""

    def give_room_back(self) -> None:
        """Go on with what was stopped: there is no pairing code."""

    def is_opened_again(self, step_id: str, user_input: dict[str, Any] | None) -> bool:
        """Return whether somebody comes back to a form that they had closed: it has to lead to the other ways, too."""
        return user_input is None and self.cur_step is not None and self.cur_step["step_id"] == step_id

    # --- the choice --------------------------------------------------------------------------------

    async def async_step_pair(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask how to pair, where there is a choice."""
        if only_way := self._only_way:
            return await self._async_begin(only_way)
        return self._show_ways("pair")

    async def async_offer_ways(
        self, step_id: str, user_input: dict[str, Any] | None, **placeholders: str
    ) -> ConfigFlowResult:
        """Say why a phone is to be linked, and offer the ways. Where there is only one, it begins when the user agrees."""
        only_way = self._only_way
        if only_way is None:
            return self._show_ways(step_id, **placeholders)
        if user_input is not None:
            return await self._async_begin(only_way)
        return self.async_show_form(
            step_id=step_id,
            data_schema=vol.Schema({}),
            description_placeholders={"gateway": self._gateway.name, **placeholders},
        )

    def _show_ways(self, step_id: str, **placeholders: str) -> ConfigFlowResult:
        return self.async_show_menu(
            step_id=step_id,
            menu_options=self._ways,
            description_placeholders={"gateway": self._gateway.name, **placeholders},
        )

    @property
    def _ways(self) -> list[str]:
        return [way for way, needed in _WAYS_TO_PAIR.items() if needed in self._gateway.capabilities]

    @property
    def _only_way(self) -> str | None:
        ways = self._ways
        return ways[0] if len(ways) == 1 else None

    async def _async_begin(self, way: str) -> ConfigFlowResult:
        begun: ConfigFlowResult = await getattr(self, f"async_step_{way}")()
        return begun

    # --- the ways ----------------------------------------------------------------------------------

    async def async_step_pair_qr(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the code; a new one takes its place by itself, and a scan ends the step."""
        if self._view is None:
            self._view = PairingView(self, partial(self.make_watch, with_qr=True), self._gateway.name)
        return self._show_pairing("pair_qr", self._view)

    async def async_step_pair_code(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the number of the phone and fetch a code to type into it."""
        if self.is_opened_again("pair_code", user_input):
            return await self.async_step_pair()
        errors: dict[str, str] = {}
        if user_input is not None:
            self._typed_phone = user_input
            try:
                return await self._async_request_code(parse_phone(user_input[_PHONE]))
            except InvalidAddress as error:
                errors[_PHONE] = error.problem.value
        return self.async_show_form(
            step_id="pair_code",
            data_schema=self.add_suggested_values_to_schema(
                vol.Schema({vol.Required(_PHONE): text(TextSelectorType.TEL)}), self._typed_phone
            ),
            errors=errors,
        )

    async def _async_request_code(self, phone: str) -> ConfigFlowResult:
        """Fetch a code and show it. If the session has to come up first, that is waited for where the code will be."""
        self.make_room_for_code()
        code: PairingCode | None = None
        try:
            code = await self._gateway.request_pairing_code(phone)
        except GatewayError as error:
            if not isinstance(error, WrongState) or error.state not in NOT_UP:
                self.give_room_back()
                self._failure = error
                return await self.async_step_pair_failed()
        fetch = partial(self._async_fetch_code, phone)
        wait_for_phone = partial(self.make_watch, with_qr=False)
        make_watch = partial(PairingByCode, self._gateway, code, fetch, wait_for_phone)
        self._view = PairingView(self, make_watch, self._gateway.name)
        return await self.async_step_enter_code()

    async def _async_fetch_code(self, phone: str, pairing: Pairing) -> PairingCode | Session:
        """Have the session come up and return a code, or the session if it has a phone. Raises GatewayError."""
        try:
            found = await pairing.request_code(phone)
        except GatewayError:
            self.give_room_back()
            raise
        if isinstance(found, Session):
            self.give_room_back()
        return found

    async def async_step_enter_code(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the pairing code until it has been typed into the phone."""
        assert self._view is not None
        return self._show_pairing("enter_code", self._view)

    def _show_pairing(self, step_id: str, view: PairingView) -> ConfigFlowResult:
        """Show what there is to show, or go on when the pairing has ended."""
        if not view.ended:
            return view.show(step_id)
        self._view = None
        try:
            view.result()
        except PairingTimeout:
            next_step = "pair_timeout"
        except GatewayError as error:
            self._failure = error
            next_step = "pair_failed"
        else:
            next_step = "finish"
        self._teller = view.tell_of_end()
        return self.async_show_progress_done(next_step_id=next_step)

    # --- how it ended ------------------------------------------------------------------------------

    async def async_step_finish(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Go on: a phone is linked, and the browser knows."""
        self._stop_telling()
        return await self.async_finish()

    async def async_step_pair_timeout(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Offer to try again after nobody paired in time."""
        self._stop_telling()
        return await self.async_offer_ways("pair_timeout", user_input)

    async def async_step_pair_failed(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Say why the pairing could not go on, and offer to try again."""
        self._stop_telling()
        if user_input is not None:
            return await self.async_step_pair()
        assert self._failure is not None
        return await self.async_explain_failure(self._failure)

    async def async_explain_failure(self, failure: GatewayError) -> ConfigFlowResult:
        """Show the reason."""
        return self.async_show_form(
            step_id="pair_failed",
            errors={"base": error_key(failure)},
            description_placeholders=error_placeholders(failure, self._gateway.name),
        )

    def _stop_telling(self) -> None:
        if self._teller is not None:
            self._teller.cancel()
            self._teller = None

    @callback
    @override
    def async_remove(self) -> None:
        """Stop waiting for a phone, or for the browser, when the dialog was closed."""
        self._stop_telling()
        if self._view is not None:
            self._view.stop()
