"""Wachat's two calls about webhooks: to make or change one, and to list them.

Vendor docs, pages Create or Update Webhook and List Webhooks. There is none to delete one: it
is switched off. Of the errors the pages tell the statuses, the wording is made up.
"""

from http import HTTPStatus
import secrets

from aiohttp import web
from yarl import URL

from . import wachat_answers as answers
from .downloads import is_loopback
from .model import JsonObject
from .wachat_accounts import Accounts
from .wachat_call import Call
from .wachat_checks import NOT_FOUND, Refused, optional_text_in, text_in
from .wachat_instance import Account, WachatInstance, iso_time
from .wachat_webhooks import ALL, EVENTS, Webhook, new_post
from .world import World

_BAD_URL = "Field url must be a valid HTTPS URL."
_BAD_EVENTS = f"Field events must be a list of: {', '.join((ALL, *EVENTS))}."


class WebhookCalls:
    """Answers POST and GET /webhooks."""

    def __init__(self, world: World, accounts: Accounts) -> None:
        """Prepare; webhooks belong to accounts."""
        self._world = world
        self._accounts = accounts
        self._made = 0

    async def save(self, call: Call) -> web.Response:
        """Make a webhook, or with an `id` change one; what is left out then stays as it was."""
        known = self._wanted(call)
        changes = self._changes_in(call)
        webhook = known or self._new(call.account)
        for name, value in changes.items():
            setattr(webhook, name, value)
        webhook.updated_at = iso_time()
        shown = _row(webhook)
        if known is None:
            call.account.webhooks.append(webhook)
            if not self._accounts.masks_secrets(call.account):
                shown["secret"] = webhook.secret
        return web.json_response({"success": True, "webhook": shown})

    async def list(self, call: Call) -> web.Response:
        """List all webhooks, or those that are told of one instance."""
        instance = self._instance_in(call.account, call.request.query.get("instanceName", ""))
        rows = [_row(each) for each in call.account.webhooks if instance is None or each.is_about(instance)]
        return web.json_response({"success": True, "count": len(rows), "webhooks": rows})

    def _wanted(self, call: Call) -> Webhook | None:
        """Return the webhook that is to be changed, None if there is to be a new one."""
        wanted = call.body.get("id")
        if wanted is None:
            return None
        found = [webhook for webhook in call.account.webhooks if str(webhook.id) == str(wanted)]
        if not found:
            msg = "Webhook not found for this API key."
            raise Refused(msg, HTTPStatus.NOT_FOUND)
        return found[0]

    def _changes_in(self, call: Call) -> JsonObject:
        """Return what the body says; only the address is always needed."""
        body = call.body
        changes: JsonObject = {"url": _url_in(body)}
        if body.get("events") is not None:
            changes["events"] = _events_in(body)
        if body.get("enabled") is not None:
            changes["enabled"] = _enabled_in(body)
        changes |= {name: given for name in ("name", "secret") if (given := optional_text_in(body, name))}
        if name := optional_text_in(body, "instanceName"):
            changes["instance"] = self._instance_in(call.account, name)
        return changes

    def _new(self, account: Account) -> Webhook:
        self._made += 1
        now = iso_time()
        return Webhook(
            id=self._made,
            name=f"Webhook {len(account.webhooks) + 1}",
            url="",
            events=[ALL],
            enabled=True,
            secret=f"whsec_{secrets.token_hex(24)}",
            instance=None,
            created_at=now,
            updated_at=now,
            post=new_post(self._world, self._made),
        )

    def _instance_in(self, account: Account, name: str) -> WachatInstance | None:
        if not name:
            return None
        if (instance := self._accounts.instance(account, name)) is None:
            raise Refused(NOT_FOUND, HTTPStatus.NOT_FOUND)
        return instance


def _url_in(body: JsonObject) -> str:
    """Return the address, which has to be secure; on this machine, nobody could certify it."""
    given = text_in(body, "url")
    try:
        url = URL(given)
        if url.host and (url.scheme == "https" or is_loopback(url)):
            return given
    except ValueError as error:
        raise Refused(_BAD_URL) from error
    raise Refused(_BAD_URL)


def _events_in(body: JsonObject) -> list[str]:
    events = body["events"]
    if not isinstance(events, list) or not events or not all(event in (ALL, *EVENTS) for event in events):
        raise Refused(_BAD_EVENTS)
    return events


def _enabled_in(body: JsonObject) -> bool:
    enabled = body["enabled"]
    if not isinstance(enabled, bool):
        msg = "Field enabled must be a boolean."
        raise Refused(msg)
    return enabled


def _row(webhook: Webhook) -> JsonObject:
    return {
        "id": webhook.id,
        "name": webhook.name,
        "url": webhook.url,
        "events": webhook.events,
        "enabled": webhook.enabled,
        "secret": webhook.masked_secret,
        "instance": None if webhook.instance is None else answers.names_with_id(webhook.instance),
        "createdAt": webhook.created_at,
        "updatedAt": webhook.updated_at,
    }
