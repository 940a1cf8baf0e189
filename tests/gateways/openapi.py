"""What the descriptions of two servers say of bodies and answers, and a check against it.

WAHA: the vendor's OpenAPI description of version 2026.7.1. Evolution API: the JSON schemas and answers in the sources
of version 2.3.6, because the vendor's own description is older than what runs. Of both, what a client of ours or the
emulator makes use of.

A schema is a list of fields with their types, `name*:string size:number?`, in which `*` means that the field is
required; or a type that has got a name. Types are `string`, `number`, `boolean`, `object`, `any`, `(one,of,these,words)`
and the names of schemas; `[]` makes a list of one, `|` gives a choice, `?` allows null.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
import json
import re
from typing import Any, NamedTuple


class Departure(NamedTuple):
    """Where a server is known to differ from its description: the right type of a field, and how that is known."""

    kind: str
    reason: str


class Call(NamedTuple):
    """What a call takes and gives: "" where nothing is described."""

    body: str = ""
    reply: str = ""
    status: int = 200
    query: str = ""


@dataclass(frozen=True)
class Exchange:
    """A request and its answer, as they went over the wire. The path begins where the server's own paths do."""

    method: str
    path: str
    query: frozenset[str]
    body: bytes
    status: int
    reply: bytes


@dataclass(frozen=True)
class Description:
    """The description of one server."""

    calls: Mapping[str, Call]
    schemas: Mapping[str, str]
    departures: Mapping[str, Departure]

    def check(self, exchange: Exchange) -> list[str]:
        """Return what is wrong with a request or its answer."""
        asked = f"{exchange.method} {exchange.path}"
        call = next((call for name, call in self.calls.items() if _pattern(name).fullmatch(asked)), None)
        if call is None:
            return [f"{exchange.method} {exchange.path} is not described"]
        wrong = [f"status is {exchange.status}, not {call.status}"] if exchange.status != call.status else []
        wrong += self._check_query(call, exchange.query)
        wrong += self._check_json("body", call.body, exchange.body)
        if call.reply:
            wrong += self._check_json("reply", call.reply, exchange.reply)
        return [f"{asked}: {problem}" for problem in wrong]

    def _check_query(self, call: Call, given: frozenset[str]) -> list[str]:
        known = {name.removesuffix("*"): name.endswith("*") for name in call.query.split()}
        return [
            *(f"query lacks {name}" for name, required in known.items() if required and name not in given),
            *(f"query has {name}, which is unknown" for name in sorted(given - set(known))),
        ]

    def _check_json(self, where: str, kind: str, content: bytes) -> list[str]:
        if not content.strip():
            return [] if not kind or kind.endswith("?") else [f"{where} is not there"]
        if not kind:
            return [f"{where} is there, but not described"]
        return list(self.problems(kind, json.loads(content), where))

    def problems(self, kind: str, value: Any, where: str = "body") -> Iterator[str]:
        """Return what is wrong with a value that is to be of this type."""
        if kind.endswith("?"):
            if value is not None:
                yield from self.problems(kind[:-1], value, where)
        elif "|" in kind:
            if all(any(self.problems(each, value)) for each in kind.split("|")):
                yield f"{where} is none of {kind}"
        elif kind.endswith("[]"):
            if not isinstance(value, list):
                yield f"{where} is no list"
                return
            for number, item in enumerate(value):
                yield from self.problems(kind[:-2], item, f"{where}[{number}]")
        elif kind.startswith("("):
            if str(value) not in kind[1:-1].split(","):
                yield f"{where} is none of {kind}"
        elif kind in _BASIC:
            if not _is_basic(kind, value):
                yield f"{where} is no {kind}"
        else:
            yield from self._problems_of_schema(kind, value, where)

    def _problems_of_schema(self, name: str, value: Any, where: str) -> Iterator[str]:
        schema = self.schemas[name]
        if ":" not in schema:
            yield from self.problems(schema, value, where)
            return
        if not isinstance(value, dict):
            yield f"{where} is no {name}"
            return
        fields = dict(field.split(":") for field in schema.split())
        yield from (
            f"{where} lacks {field[:-1]}" for field in fields if field.endswith("*") and field[:-1] not in value
        )
        for field, content in value.items():
            departure = self.departures.get(f"{name}.{field}")
            kind = departure.kind if departure else fields.get(field, fields.get(f"{field}*"))
            if kind is None:
                yield f"{where} has {field}, which {name} does not know"
            else:
                yield from self.problems(kind, content, f"{where}.{field}")


_BASIC: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "any": (object,),
}


def _is_basic(kind: str, value: Any) -> bool:
    # For Python, true is a number; `any` is not null, which `any?` is.
    if isinstance(value, bool):
        return kind in ("boolean", "any")
    return value is not None and isinstance(value, _BASIC[kind])


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"{\w+}", "[^/]+", name))


# --- WAHA ------------------------------------------------------------------------------------------------

_STATUS = "(STOPPED,STARTING,SCAN_QR_CODE,PASSKEY_REQUIRED,PASSKEY_CONFIRMATION_REQUIRED,WORKING,FAILED)"
_SEND = "session*:string chatId*:string"
_MESSAGE = f"{_SEND} reply_to:string?"
_MESSAGE_WITH_ID = f"{_MESSAGE} id:string?"

_WAHA_SCHEMAS = {
    # Of the server and its sessions.
    "PingResponse": "message*:string",
    "WorkerInfo": "id*:string",
    "WAHAEnvironment": "version*:string engine*:string tier*:string browser*:string platform*:string worker*:object",
    "ServerStatusResponse": "startTimestamp*:number uptime*:number worker*:WorkerInfo",
    "App": "enabled:boolean id*:string session*:string app*:string config*:object",
    "NowebStoreConfig": "enabled*:boolean fullSync*:boolean",
    "NowebConfig": "markOnline*:boolean store:NowebStoreConfig",
    "HmacConfiguration": "key:string",
    "CustomHeader": "name*:string value*:string",
    "RetriesConfiguration": "delaySeconds:number attempts:number policy:(linear,exponential,constant)",
    "WebhookConfig": (
        "url*:string events*:any[] hmac:HmacConfiguration? retries:RetriesConfiguration? customHeaders:CustomHeader[]?"
    ),
    "SessionConfig": (
        "metadata:object proxy:object? debug:boolean ignore:object client:object noweb:NowebConfig "
        "gows:object webjs:object webhooks:WebhookConfig[]"
    ),
    "SessionCreateRequest": "name:string apps:App[] start:boolean config:SessionConfig",
    "SessionUpdateRequest": "apps:App[] config:SessionConfig",
    "SessionDTO": f"name*:string status*:{_STATUS} config:SessionConfig",
    "MeInfo": "id*:string lid:string jid:string pushName*:string",
    "SessionInfo": (
        "name*:string apps:App[] me:MeInfo assignedWorker:string presence*:any timestamps*:object "
        f"status*:{_STATUS} config:SessionConfig"
    ),
    "MyProfile": "id*:string picture*:string name*:string",
    # For linking a phone.
    "Base64File": "mimetype*:string data*:string",
    "QRCodeValue": "value*:string",
    "RequestCodeRequest": "phoneNumber*:string method:string?",
    "PasskeyAllowedCredential": "id*:string type*:string transports:string[]",
    "PasskeyChallenge": (
        "challenge*:string timeout*:number rpId*:string allowCredentials*:PasskeyAllowedCredential[] "
        "userVerification*:string extensions:object"
    ),
    "PasskeyConfirmationResponse": "code*:string",
    # What is sent.
    "RemoteFile": "mimetype*:string filename:string url*:string",
    "BinaryFile": "mimetype*:string filename:string data*:string",
    "VideoRemoteFile": "mimetype*:any filename*:any url*:string",
    "VideoBinaryFile": "mimetype*:any filename*:any data*:string",
    "VoiceRemoteFile": "mimetype*:any url*:string",
    "VoiceBinaryFile": "mimetype*:any filename*:any data*:string",
    "MessageTextRequest": f"{_MESSAGE_WITH_ID} text*:string linkPreview:boolean linkPreviewHighQuality:boolean",
    "MessageImageRequest": f"{_MESSAGE} file*:RemoteFile|BinaryFile caption:string",
    "MessageFileRequest": f"{_MESSAGE} file*:RemoteFile|BinaryFile caption:string",
    "MessageVoiceRequest": f"{_MESSAGE} file*:VoiceRemoteFile|VoiceBinaryFile convert*:boolean",
    "MessageVideoRequest": (
        f"{_MESSAGE} file*:VideoRemoteFile|VideoBinaryFile asNote:boolean convert*:boolean caption:string"
    ),
    "MessageLocationRequest": f"{_MESSAGE_WITH_ID} latitude*:number longitude*:number title*:string",
    "VCardContact": "vcard*:string",
    "Contact": "fullName*:string organization:string phoneNumber*:string whatsappId:string vcard*:string?",
    "AnyContact": "VCardContact|Contact",
    "MessageContactVcardRequest": f"{_MESSAGE_WITH_ID} contacts*:AnyContact[]",
    "MessagePoll": "name*:string options*:string[] multipleAnswers*:any",
    "MessagePollRequest": f"{_MESSAGE_WITH_ID} poll*:MessagePoll",
    # What is done about messages and in chats.
    "MessageReactionRequest": "messageId*:string reaction*:string session*:string",
    "EditMessageRequest": "text*:string linkPreview:boolean linkPreviewHighQuality:boolean",
    "SendSeenRequest": f"{_SEND} messageId:string? messageIds:string[] participant:string?",
    "ChatRequest": _SEND,
    "WAHASessionPresence": "chatId:string presence*:(offline,online,typing,recording,paused)",
    # What is looked up.
    "WANumberExistResult": "chatId:string numberExists*:boolean",
    "ChatSummary": "id*:string name*:string picture*:string lastMessage*:WAMessage _chat*:object",
    "CountResponse": "count*:number",
    "LidToPhoneNumber": "lid:string pn:string",
    "WAMedia": "url:string mimetype:string filename:string s3:object error:object?",
    "WALocation": (
        "latitude*:string longitude*:string live*:boolean name:string address:string url:string "
        "description:string thumbnail:string"
    ),
    "ReplyToMessage": "id*:string participant:string body:string hasMedia*:boolean media:WAMedia _data:object",
    "WAMessage": (
        "id*:string timestamp*:number from*:string fromMe*:boolean source*:(api,app) to*:string "
        "participant*:string body*:string hasMedia*:boolean media:WAMedia mediaUrl*:string "
        "ack*:(-1,0,1,2,3,4) ackName*:string author:string location:WALocation vCards:string[] _data:object "
        "replyTo:ReplyToMessage"
    ),
}

_UNSAID = "What stands here where there is nothing is not said; null is what the emulated server makes of it."
_WAHA_DEPARTURES = {
    "MessageTextRequest.mentions": Departure(
        "string[]", "Documented on the page send-messages, with an example; missing in the description."
    ),
    "SessionInfo.engine": Departure("object", "A session by itself tells what its engine says, too (sources)."),
    "SessionInfo.me": Departure("MeInfo?", "Null while no phone is linked (page sessions)."),
    "SessionInfo.presence": Departure("any?", "Null in the example of the page sessions."),
    "WAHAEnvironment.browser": Departure("string?", "Null in the example of the page observability: not all have one."),
    "WANumberExistResult.chatId": Departure("string?", "Null or missing where there is no account."),
    "WAMessage.participant": Departure("string?", "Of use in groups only (page events)."),
    "WAMessage.media": Departure("WAMedia?", "Null where there is no file, or none was fetched (page events)."),
    "WAMessage.location": Departure("WALocation?", _UNSAID),
    "WAMessage.replyTo": Departure("ReplyToMessage?", _UNSAID),
    "WAMedia.s3": Departure("object?", _UNSAID),
    "WALocation.url": Departure("string?", _UNSAID),
    "WALocation.description": Departure("string?", _UNSAID),
    "WALocation.thumbnail": Departure("string?", _UNSAID),
    "ReplyToMessage.media": Departure("WAMedia?", _UNSAID),
    "ChatSummary.picture": Departure("string?", _UNSAID),
    "ChatSummary.lastMessage": Departure("WAMessage?", _UNSAID),
    "MyProfile.picture": Departure("string?", _UNSAID),
    "LidToPhoneNumber.pn": Departure("string?", _UNSAID),
}

_CHAT = "/api/{session}/chats/{chat}/messages"
_WAHA_CALLS = {
    "GET /ping": Call(reply="PingResponse"),
    "GET /api/server/version": Call(reply="WAHAEnvironment"),
    "GET /api/server/status": Call(reply="ServerStatusResponse"),
    "GET /api/sessions": Call(reply="SessionInfo[]", query="all expand"),
    "POST /api/sessions": Call("SessionCreateRequest", "SessionDTO", 201),
    "GET /api/sessions/{session}": Call(reply="SessionInfo", query="expand"),
    "PUT /api/sessions/{session}": Call("SessionUpdateRequest", "SessionDTO"),
    # Nothing at all without a phone (page sessions).
    "GET /api/sessions/{session}/me": Call(reply="MeInfo?"),
    **{
        f"POST /api/sessions/{{session}}/{verb}": Call(reply="SessionDTO", status=201)
        for verb in ("start", "stop", "restart", "logout")
    },
    "GET /api/{session}/profile": Call(reply="MyProfile"),
    "GET /api/{session}/auth/qr": Call(reply="Base64File|QRCodeValue", query="format*"),
    "POST /api/{session}/auth/request-code": Call("RequestCodeRequest", status=201),
    "GET /api/{session}/auth/passkey/challenge": Call(reply="PasskeyChallenge"),
    "GET /api/{session}/auth/passkey/confirmation": Call(reply="PasskeyConfirmationResponse"),
    # Described for all engines alike, but only GOWS answers so: the others show their own kind of message.
    "POST /api/sendText": Call("MessageTextRequest", "WAMessage", 201),
    "POST /api/sendImage": Call("MessageImageRequest", status=201),
    "POST /api/sendFile": Call("MessageFileRequest", status=201),
    "POST /api/sendVoice": Call("MessageVoiceRequest", status=201),
    "POST /api/sendVideo": Call("MessageVideoRequest", status=201),
    "POST /api/sendLocation": Call("MessageLocationRequest", status=201),
    "POST /api/sendContactVcard": Call("MessageContactVcardRequest", status=201),
    "POST /api/sendPoll": Call("MessagePollRequest", status=201),
    "POST /api/sendSeen": Call("SendSeenRequest", status=201),
    "POST /api/startTyping": Call("ChatRequest", status=201),
    "POST /api/stopTyping": Call("ChatRequest", status=201),
    "POST /api/{session}/presence": Call("WAHASessionPresence", status=201),
    "PUT /api/reaction": Call("MessageReactionRequest"),
    f"PUT {_CHAT}/{{message}}": Call("EditMessageRequest"),
    f"DELETE {_CHAT}/{{message}}": Call(),
    f"GET {_CHAT}": Call(reply="WAMessage[]", query="limit* offset sortBy sortOrder downloadMedia merge"),
    f"GET {_CHAT}/{{message}}": Call(reply="WAMessage", query="downloadMedia merge"),
    # Not in the description: the address is in the message (page receive-messages).
    "GET /api/files/{file}": Call(),
    "GET /api/contacts/check-exists": Call(reply="WANumberExistResult", query="phone* session*"),
    "GET /api/{session}/chats/overview": Call(reply="ChatSummary[]", query="merge limit offset ids"),
    "GET /api/{session}/groups/count": Call(reply="CountResponse"),
    "GET /api/{session}/lids/{lid}": Call(reply="LidToPhoneNumber"),
    "GET /api/{session}/lids/pn/{phone}": Call(reply="LidToPhoneNumber"),
}

WAHA = Description(_WAHA_CALLS, _WAHA_SCHEMAS, _WAHA_DEPARTURES)


# --- Evolution API ---------------------------------------------------------------------------------------

_TO = "number*:string"
_CONTENT = (
    f"{_TO} delay:number quoted:Quoted mentionsEveryOne:boolean mentioned:string[] linkPreview:boolean encoding:boolean"
)

_EVOLUTION_SCHEMAS = {
    "Welcome": (
        "status*:number message*:string version*:string clientName*:string manager*:string documentation*:string "
        "whatsappWebVersion:string"
    ),
    # Of instances.
    "Create": (
        "instanceName*:string token:string number:string qrcode:boolean "
        "integration:(WHATSAPP-BAILEYS,WHATSAPP-BUSINESS,EVOLUTION) webhook:CreateWebhook rejectCall:boolean "
        "groupsIgnore:boolean alwaysOnline:boolean readMessages:boolean readStatus:boolean "
        "syncFullHistory:boolean msgCall:string proxyHost:string proxyPort:string proxyProtocol:string "
        "proxyUsername:string proxyPassword:string"
    ),
    "CreateWebhook": "enabled:boolean url:string byEvents:boolean base64:boolean headers:object events:string[]",
    "CreatedInstance": (
        "instanceName*:string instanceId*:string integration*:string webhookWaBusiness*:string? "
        "accessTokenWaBusiness*:string status*:(open,connecting,close)"
    ),
    "CreatedWebhook": "webhookUrl:string webhookHeaders:object webhookByEvents:boolean webhookBase64:boolean",
    "Switch": "enabled*:boolean",
    "Settings": (
        "rejectCall*:boolean groupsIgnore*:boolean alwaysOnline*:boolean readMessages*:boolean "
        "readStatus*:boolean syncFullHistory*:boolean msgCall*:string wavoipToken*:string"
    ),
    "Created": (
        "instance*:CreatedInstance hash*:string webhook*:CreatedWebhook websocket*:Switch rabbitmq*:Switch "
        "nats*:Switch sqs*:Switch settings*:Settings qrcode:Code"
    ),
    "Code": "pairingCode*:string? code*:string base64*:string count*:number",
    "NoCode": "count*:number",
    "InstanceState": "instanceName*:string state*:(open,connecting,close,refused)",
    "State": "instance*:InstanceState",
    "Caught": "error*:boolean message*:string",
    "Done": "status*:(SUCCESS) error*:boolean response*:DoneText",
    "DoneText": "message*:string",
    "Setting": (
        "id*:string rejectCall*:boolean groupsIgnore*:boolean alwaysOnline*:boolean readMessages*:boolean "
        "readStatus*:boolean syncFullHistory*:boolean msgCall*:string wavoipToken*:string createdAt*:string "
        "updatedAt*:string instanceId*:string"
    ),
    "Count": "Message*:number Contact*:number Chat*:number",
    "Instance": (
        "id*:string name*:string connectionStatus*:(open,connecting,close) ownerJid*:string? "
        "profileName*:string? profilePicUrl*:string? number*:string? businessId*:string? token*:string? "
        "integration*:string clientName*:string disconnectionReasonCode*:number? disconnectionObject*:string? "
        "disconnectionAt*:string? createdAt*:string updatedAt*:string Chatwoot*:object? Proxy*:object? "
        "Rabbitmq*:object? Nats*:object? Sqs*:object? Websocket*:object? Setting*:Setting _count*:Count"
    ),
    # By the schema, the events are not required; without them, the server fails.
    "Webhook": "enabled*:boolean url*:string headers:object byEvents:boolean base64:boolean events*:string[]",
    "SetWebhook": "webhook*:Webhook",
    "WebhookRow": (
        "id*:string url*:string headers*:object? enabled*:boolean events*:string[] webhookByEvents*:boolean "
        "webhookBase64*:boolean createdAt*:string updatedAt*:string instanceId*:string"
    ),
    # What is sent.
    "QuotedKey": "id*:string remoteJid:string fromMe:boolean",
    "Quoted": "key*:QuotedKey message:object",
    "Text": f"{_CONTENT} text*:string",
    "Media": (
        f"{_CONTENT} mediatype*:(image,video,document,audio) media:string mimetype:string fileName:string "
        "caption:string"
    ),
    "Audio": f"{_CONTENT} audio:string",
    "Location": f"{_CONTENT} latitude*:number longitude*:number name*:string address*:string",
    "Person": "fullName*:string phoneNumber*:string wuid:string organization:string email:string url:string",
    "Contact": f"{_CONTENT} contact*:Person[]",
    "Poll": f"{_CONTENT} name*:string selectableCount*:number values*:string[]",
    "Key": "id*:string remoteJid*:string fromMe*:boolean",
    "Reaction": "key*:Key reaction*:string",
    "SentMessage": (
        "key*:Key pushName*:string status*:(ERROR,PENDING,SERVER_ACK,DELIVERY_ACK,READ,PLAYED) "
        "message*:object contextInfo*:object? messageType*:string messageTimestamp*:number instanceId*:string "
        "source*:(android,ios,web,desktop,unknown)"
    ),
    # What is done about messages and in chats.
    "Update": f"{_TO} text*:string key*:Key",
    "Deletion": "id*:string remoteJid*:string fromMe*:boolean participant:string",
    "Read": "readMessages*:Key[]",
    "ReadReply": "message*:string read*:(success)",
    "Presence": f"{_TO} presence*:(composing,recording,paused,available,unavailable) delay*:number",
    "Shown": "presence*:string",
    # What is looked up.
    "Numbers": "numbers*:string[]",
    "Number": "jid*:string exists*:boolean number*:string name:string lid:string?",
    "FindChats": "where:object take:number skip:number",
    "Chat": (
        "id*:string remoteJid*:string pushName*:string? profilePicUrl*:string? updatedAt*:string "
        "windowStart*:string windowExpires*:string windowActive*:boolean lastMessage*:object "
        "unreadCount*:number isSaved*:boolean"
    ),
    "MessageWanted": "message*:MessageOfFile convertToMp4:boolean",
    "MessageOfFile": "key*:KeyOfFile",
    "KeyOfFile": "id*:string",
    "File": (
        "mediaType*:string fileName*:string caption:string? size*:object mimetype*:string base64*:string buffer*:any?"
    ),
    "Group": (
        "id*:string subject*:string subjectOwner*:string owner*:string pictureUrl*:string? desc*:string? "
        "descId*:string? linkedParent*:string? subjectTime*:number size*:number creation*:number "
        "restrict*:boolean announce*:boolean isCommunity*:boolean isCommunityAnnounce*:boolean "
        "participants:object[]"
    ),
}

_IN_GROUPS = "The library below has it in the key of a message that somebody else wrote in a group (sources)."
_EVOLUTION_DEPARTURES = {
    "Key.participant": Departure("string", _IN_GROUPS),
    "QuotedKey.participant": Departure("string", _IN_GROUPS),
    "CreatedWebhook.webhookUrl": Departure("string?", "The example has an address; without one there is nothing."),
}

_EVOLUTION_CALLS = {
    "GET /": Call(reply="Welcome"),
    "POST /instance/create": Call("Create", "Created", 201),
    # An exception comes with a good status.
    "GET /instance/connect/{instance}": Call(reply="State|Code|NoCode|Caught", query="number"),
    "POST /instance/restart/{instance}": Call(reply="State|Code|NoCode|Caught"),
    "GET /instance/connectionState/{instance}": Call(reply="State"),
    "GET /instance/fetchInstances": Call(reply="Instance[]", query="instanceName instanceId number"),
    "DELETE /instance/logout/{instance}": Call(reply="Done"),
    "POST /webhook/set/{instance}": Call("SetWebhook", "WebhookRow", 201),
    "GET /webhook/find/{instance}": Call(reply="WebhookRow?"),
    "POST /message/sendText/{instance}": Call("Text", "SentMessage", 201),
    "POST /message/sendMedia/{instance}": Call("Media", "SentMessage", 201),
    "POST /message/sendWhatsAppAudio/{instance}": Call("Audio", "SentMessage", 201),
    "POST /message/sendLocation/{instance}": Call("Location", "SentMessage", 201),
    "POST /message/sendContact/{instance}": Call("Contact", "SentMessage", 201),
    "POST /message/sendPoll/{instance}": Call("Poll", "SentMessage", 201),
    "POST /message/sendReaction/{instance}": Call("Reaction", "SentMessage", 201),
    "POST /chat/updateMessage/{instance}": Call("Update", "SentMessage"),
    "DELETE /chat/deleteMessageForEveryone/{instance}": Call("Deletion", "SentMessage", 201),
    "POST /chat/markMessageAsRead/{instance}": Call("Read", "ReadReply", 201),
    "POST /chat/sendPresence/{instance}": Call("Presence", "Shown", 201),
    "POST /chat/whatsappNumbers/{instance}": Call("Numbers", "Number[]"),
    "POST /chat/findChats/{instance}": Call("FindChats", "Chat[]"),
    "POST /chat/getBase64FromMediaMessage/{instance}": Call("MessageWanted", "File", 201),
    "GET /group/fetchAllGroups/{instance}": Call(reply="Group[]", query="getParticipants*"),
}

EVOLUTION = Description(_EVOLUTION_CALLS, _EVOLUTION_SCHEMAS, _EVOLUTION_DEPARTURES)
