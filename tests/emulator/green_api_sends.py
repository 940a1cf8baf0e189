"""GREEN-API's methods that send a message: pages SendMessage to SendPoll, in section Sending.

All put it into the queue and answer with its id, whether a phone is linked or not. Mentions are
not to be found here: there is no field for them, so a text is sent as it is.
"""

from aiohttp import hdrs, web

from .downloads import CannotDownload
from .green_api_call import Call, Method
from .green_api_checks import Refused, decimal_in, flag_in, free_text_in, internal_error, text_in
from .green_api_files import UrlFile, caption_of, kind_of, mime_type_of, read_file, read_form
from .green_api_outbox import Order
from .green_api_quota import use_chat
from .green_api_send_checks import (
    LONGEST_CAPTION,
    LONGEST_QUESTION,
    Shared,
    address_in,
    check_preview,
    contact_in,
    file_name_in,
    message_in,
    options_in,
    shared_in,
)
from .model import JsonObject, Kind
from .world import World


class Sends:
    """The methods, for all instances."""

    def __init__(self, world: World) -> None:
        """Send in this world."""
        self._world = world

    def methods(self) -> dict[str, Method]:
        """Return the methods by their names."""
        post = hdrs.METH_POST
        return {
            "sendMessage": Method(post, self._send_message, 50, settled=True),
            "sendLocation": Method(post, self._send_location, 50, settled=True),
            "sendContact": Method(post, self._send_contact, 50, settled=True),
            "sendPoll": Method(post, self._send_poll, 50, settled=True),
            "sendFileByUrl": Method(post, self._send_file_by_url, 50, settled=True),
            "sendFileByUpload": Method(post, self._send_file_by_upload, 50, settled=True, takes_file=True),
            # It concerns storage alone, so the state of the instance does not matter.
            "uploadFile": Method(post, self._upload_file, takes_file=True),
        }

    async def _send_message(self, call: Call) -> web.Response:
        shared = shared_in(call.body)
        text = message_in(call.body)
        check_preview(call.body)
        preview = flag_in(call.body, "linkPreview", call.instance.link_preview)
        details: JsonObject = {} if preview else {"link_preview": False}
        return _queue(call, shared, Kind.TEXT, text, details)

    async def _send_location(self, call: Call) -> web.Response:
        shared = shared_in(call.body)
        details = {
            "latitude": decimal_in(call.body, "latitude"),
            "longitude": decimal_in(call.body, "longitude"),
            "name": free_text_in(call.body, "nameLocation"),
            "address": free_text_in(call.body, "address"),
        }
        return _queue(call, shared, Kind.LOCATION, details=details)

    async def _send_contact(self, call: Call) -> web.Response:
        shared = shared_in(call.body)
        return _queue(call, shared, Kind.CONTACT, details=contact_in(call.body))

    async def _send_poll(self, call: Call) -> web.Response:
        shared = shared_in(call.body)
        question = text_in(call.body, "message", LONGEST_QUESTION)
        details = {"options": options_in(call.body), "multiple": flag_in(call.body, "multipleAnswers")}
        return _queue(call, shared, Kind.POLL, question, details)

    # Files

    async def _send_file_by_url(self, call: Call) -> web.Response:
        """Fetch the file at once, which shows whether it is too large.

        What cannot be had is no error of this method: it is tried again from the queue, and
        given up with a notification (vendor's issue tracker).
        """
        shared = shared_in(call.body, file=True)
        file = UrlFile(address_in(call.body), file_name_in(call.body))
        kind = kind_of(file.name)
        caption = caption_of(kind, free_text_in(call.body, "caption", LONGEST_CAPTION))
        use_chat(call.instance, shared.chat_id, call.method)
        try:
            content = await file.fetch()
        except CannotDownload:
            return _queue(call, shared, kind, caption, url_file=file)
        details = self._world.files.attach(content, file.mime_type, file.name)
        return _queue(call, shared, kind, caption, details)

    async def _send_file_by_upload(self, call: Call) -> web.Response:
        form = await read_form(call.request)
        try:
            shared = shared_in(form.fields, file=True)
            caption = free_text_in(form.fields, "caption", LONGEST_CAPTION)
        except Refused as refused:
            # Vendor's issue tracker: this method does not validate, it breaks down.
            raise internal_error() from refused
        name = file_name_in({"fileName": form.fields.get("fileName") or form.name or "file"})
        if shared.quoted_id and not call.instance.journal.is_in_chat(shared.quoted_id, shared.chat_id):
            # Vendor's issue tracker. Other methods do not mind.
            raise Refused("failed to upload file")
        kind = kind_of(name)
        details = self._world.files.attach(form.content, mime_type_of(name), name)
        queued_id = _put(call, shared, form.fields, kind, caption_of(kind, caption), details)
        return web.json_response({"idMessage": queued_id, "urlFile": self._world.url + details["path"]})

    async def _upload_file(self, call: Call) -> web.Response:
        content, name = await read_file(call.request)
        path = self._world.files.add(content, mime_type_of(name), name)
        return web.json_response({"urlFile": self._world.url + path})


def _queue(
    call: Call,
    shared: Shared,
    kind: Kind,
    text: str = "",
    details: JsonObject | None = None,
    url_file: UrlFile | None = None,
) -> web.Response:
    return web.json_response({"idMessage": _put(call, shared, call.body, kind, text, details, url_file)})


def _put(
    call: Call,
    shared: Shared,
    body: JsonObject,
    kind: Kind,
    text: str,
    details: JsonObject | None,
    url_file: UrlFile | None = None,
) -> str:
    use_chat(call.instance, shared.chat_id, call.method)
    return call.instance.outbox.put(
        Order(
            method=call.method,
            body=body,
            chat_id=shared.chat_id,
            kind=kind,
            text=text,
            quoted_id=shared.quoted_id,
            details=details or {},
            typing=shared.typing,
            url_file=url_file,
        )
    )
