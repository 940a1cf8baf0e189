"""WAHA's calls that send or convert files (vendor docs, page send-messages; vendor OpenAPI).

There is none for music or for stickers. What the server would convert keeps its bytes here;
only what is said about its type changes.
"""

import base64

from aiohttp import hdrs, web

from .downloads import Download
from .model import JsonObject, Kind
from .waha_checks import Fields
from .waha_files import GivenFile, content_in, file_in
from .waha_house import Call, Route, route
from .waha_sending import Envelope, address, check_media_allowed, mentioned

_VOICE = "audio/ogg; codecs=opus"
_VIDEO = "video/mp4"
_JSON = "application/json"


def media_routes() -> list[Route]:
    """Return all routes."""
    post = hdrs.METH_POST
    convert = "/api/{session}/media/convert"
    return [
        route("sendImage", post, "/api/sendImage", _image),
        route("sendFile", post, "/api/sendFile", _file),
        route("sendVoice", post, "/api/sendVoice", _voice),
        route("sendVideo", post, "/api/sendVideo", _video),
        route("media/convert/voice", post, f"{convert}/voice", _convert_voice),
        route("media/convert/video", post, f"{convert}/video", _convert_video),
    ]


async def _image(call: Call) -> object:
    fields = Fields(call.body)
    file, caption = file_in(fields), fields.text("caption", "")
    mentions = fields.texts("mentions")
    envelope = await address(call, fields)
    details = mentioned(mentions, envelope.chat_id, caption)
    return await _send(call, envelope, Kind.IMAGE, file, caption, details)


async def _file(call: Call) -> object:
    """Send a file of any type as a document."""
    fields = Fields(call.body)
    file, caption = file_in(fields), fields.text("caption", "")
    return await _send(call, await address(call, fields), Kind.DOCUMENT, file, caption)


async def _voice(call: Call) -> object:
    """Send a voice note, which has no caption. What is no Opus has to be converted to be heard."""
    fields = Fields(call.body)
    file = file_in(fields, _VOICE, "voice-message.mp3")
    converted = _VOICE if _converts(fields) else ""
    return await _send(call, await address(call, fields), Kind.VOICE, file, converted=converted)


async def _video(call: Call) -> object:
    """Send a video, or a round one as a note."""
    fields = Fields(call.body)
    file, caption = file_in(fields, _VIDEO, "video.mp4"), fields.text("caption", "")
    details: JsonObject = {"as_note": True} if fields.flag("asNote", False) else {}
    converted = _VIDEO if _converts(fields) else ""
    return await _send(call, await address(call, fields), Kind.VIDEO, file, caption, details, converted)


def _converts(fields: Fields) -> bool:
    """Say whether to convert. Required in the vendor OpenAPI, but not in the docs, and nothing checks it."""
    return fields.flag("convert", False)


async def _send(
    call: Call,
    envelope: Envelope,
    kind: Kind,
    file: GivenFile,
    caption: str = "",
    details: JsonObject | None = None,
    converted: str = "",
) -> JsonObject:
    """Send a file; `converted` is the type that it gets by conversion, "" without."""
    check_media_allowed(call)
    read = await file.read()
    attachment = call.house.world.files.attach(read.content, converted or read.mime_type, read.name)
    return envelope.send(kind, caption, attachment | (details or {}))


# Conversion by itself


async def _convert_voice(call: Call) -> object:
    return _converted(call, await _read(call), _VOICE)


async def _convert_video(call: Call) -> object:
    return _converted(call, await _read(call), _VIDEO)


async def _read(call: Call) -> Download:
    """Return the file to convert. No phone takes part in that, so none needs to be linked here."""
    fields = Fields(call.body)
    file = content_in(fields)
    fields.check()
    call.running(call.parts["session"])
    check_media_allowed(call)
    return await file.read()


def _converted(call: Call, file: Download, mime_type: str) -> object:
    """Return a file as such, or in JSON for those who ask for it."""
    if call.request.headers.get(hdrs.ACCEPT) == _JSON:
        return {"mimetype": mime_type, "data": base64.b64encode(file.content).decode()}
    return web.Response(status=201, body=file.content, headers={hdrs.CONTENT_TYPE: mime_type})
