"""The settings of an instance at GREEN-API."""

from .model import JsonObject

# Page GetSettings. All notifications are off in a new instance (page SetSettings).
YES_NO_SETTINGS = (
    "markIncomingMessagesReaded",
    "markIncomingMessagesReadedOnReply",
    "sharedSession",
    "outgoingWebhook",
    "outgoingMessageWebhook",
    "outgoingAPIMessageWebhook",
    "incomingWebhook",
    "deviceWebhook",
    "statusInstanceWebhook",
    "stateWebhook",
    "enableMessagesHistory",
    "keepOnlineStatus",
    "pollMessageWebhook",
    "incomingBlockWebhook",
    "incomingCallWebhook",
    "editedMessageWebhook",
    "deletedMessageWebhook",
)
NEW_SETTINGS: JsonObject = {
    "webhookUrl": "",
    "webhookUrlToken": "",
    "delaySendMessagesMilliseconds": 500,
    **dict.fromkeys(YES_NO_SETTINGS, "no"),
    "autoTyping": 0,
    "linkPreview": True,
    "enableLidMode": False,
}
