"""What the user has to see to: issues about an instance, one for each reason, until it is healed."""

from enum import StrEnum

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import CONF_CHAT_ID, CONF_GATEWAY, DOMAIN, SUBENTRY_RECIPIENT
from .gateways import GATEWAYS
from .gateways.model import ServerVersion, SessionState

ENTRY_ID = "entry_id"
SUBENTRY_ID = "subentry_id"


class Issue(StrEnum):
    """A reason; the value is its key in the translations."""

    ACCOUNT_BANNED = "account_banned"
    ACCOUNT_LIMITED = "account_limited"
    GATEWAY_TOO_OLD = "gateway_too_old"
    RECIPIENT_GONE = "recipient_gone"
    STREAM_BLOCKED = "stream_blocked"
    WEBHOOK_NO_ADDRESS = "webhook_no_address"
    WEBHOOK_NOT_IN_PLAN = "webhook_not_in_plan"
    WEBHOOK_REFUSED = "webhook_refused"
    WEBHOOK_TAKEN = "webhook_taken"


OF_ACCOUNT = {SessionState.BLOCKED: Issue.ACCOUNT_BANNED, SessionState.LIMITED: Issue.ACCOUNT_LIMITED}
# Nothing at all can be sent; of all else, something still works.
_ERRORS = (Issue.ACCOUNT_BANNED,)


@callback
def async_raise_issue(
    hass: HomeAssistant, entry: ConfigEntry, issue: Issue, *, subentry_id: str = "", **placeholders: str
) -> None:
    """Say what is wrong with an instance, or with one of its recipients. `placeholders` are for its words."""
    ir.async_create_issue(
        hass,
        DOMAIN,
        _issue_id(entry, issue, subentry_id),
        is_fixable=True,
        severity=ir.IssueSeverity.ERROR if issue in _ERRORS else ir.IssueSeverity.WARNING,
        translation_key=issue,
        translation_placeholders={
            "instance": entry.title,
            "gateway": GATEWAYS[entry.data[CONF_GATEWAY]].name,
            **placeholders,
        },
        data={ENTRY_ID: entry.entry_id, SUBENTRY_ID: subentry_id},
    )


@callback
def async_delete_issues(hass: HomeAssistant, entry: ConfigEntry, *issues: Issue, subentry_id: str = "") -> None:
    """Say that something is healed, or was never wrong."""
    for issue in issues:
        ir.async_delete_issue(hass, DOMAIN, _issue_id(entry, issue, subentry_id))


@callback
def async_has_issue(hass: HomeAssistant, entry: ConfigEntry, issue: Issue) -> bool:
    """Return whether something is said to be wrong with an instance."""
    found = ir.async_get(hass).async_get_issue(DOMAIN, _issue_id(entry, issue, ""))
    return found is not None and found.active


@callback
def async_delete_all_issues(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Say nothing any more about an instance that is removed or disabled, nor about its recipients."""
    for _, issue_id in _of_entry(hass, entry):
        ir.async_delete_issue(hass, DOMAIN, issue_id)


@callback
def async_forget_recipients(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Forget which recipients are gone: when the entry is loaded anew, some may have been changed or removed.

    What was only kept over a restart so that it stays ignored is left alone.
    """
    for issue, issue_id in _of_entry(hass, entry):
        if issue.active and issue.translation_key == Issue.RECIPIENT_GONE:
            ir.async_delete_issue(hass, DOMAIN, issue_id)


@callback
def async_report_account(
    hass: HomeAssistant, entry: ConfigEntry, state: SessionState, *, was_banned: bool | None
) -> None:
    """Say what WhatsApp has done to the account, and no longer what it has taken back.

    `was_banned` says the same of a link that ended; None while that is not known.
    """
    present = Issue.ACCOUNT_BANNED if was_banned else OF_ACCOUNT.get(state)
    may_be = Issue.ACCOUNT_BANNED if was_banned is None else None
    async_delete_issues(hass, entry, *(issue for issue in OF_ACCOUNT.values() if issue not in (present, may_be)))
    if present:
        async_raise_issue(hass, entry, present)


@callback
def async_report_version(hass: HomeAssistant, entry: ConfigEntry, version: ServerVersion) -> None:
    """Say that the server is too old, or that it no longer is."""
    if version.is_too_old:
        words = {"version": version.number, "needed": version.needed}
        async_raise_issue(hass, entry, Issue.GATEWAY_TOO_OLD, **words)
    else:
        async_delete_issues(hass, entry, Issue.GATEWAY_TOO_OLD)


@callback
def async_report_recipient(hass: HomeAssistant, entry: ConfigEntry, chat_id: str, *, is_gone: bool) -> None:
    """Say that a recipient is not on WhatsApp any more, or that they are. Chats that are none are nobody's concern."""
    for subentry in entry.get_subentries_of_type(SUBENTRY_RECIPIENT):
        if subentry.data[CONF_CHAT_ID] != chat_id:
            continue
        subentry_id = subentry.subentry_id
        if is_gone:
            # By its name: the number is private.
            async_raise_issue(hass, entry, Issue.RECIPIENT_GONE, subentry_id=subentry_id, recipient=subentry.title)
        else:
            async_delete_issues(hass, entry, Issue.RECIPIENT_GONE, subentry_id=subentry_id)


def _issue_id(entry: ConfigEntry, issue: Issue, subentry_id: str) -> str:
    return "_".join(filter(None, (issue, entry.entry_id, subentry_id)))


def _of_entry(hass: HomeAssistant, entry: ConfigEntry) -> list[tuple[ir.IssueEntry, str]]:
    """Return the issues of an entry with their ids: after a restart, the ids are all that is known of them."""
    return [
        (issue, issue_id)
        for (domain, issue_id), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN and f"_{entry.entry_id}" in issue_id
    ]
