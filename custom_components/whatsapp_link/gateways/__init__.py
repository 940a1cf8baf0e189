"""The gateways: a client library for WhatsApp HTTP APIs that knows nothing of Home Assistant."""

from .evolution import Evolution
from .gateway import Gateway
from .green_api import GreenApi
from .wachat import Wachat
from .waha import Waha
from .wasend import Wasend
from .wawp import Wawp
from .whatsapp_api import WhatsAppApi

GATEWAYS: dict[str, type[Gateway]] = {
    gateway.key: gateway for gateway in (GreenApi, Wawp, Wachat, Wasend, WhatsAppApi, Waha, Evolution)
}
"""Every gateway there is, by its key. Adding one here is all that the floors above need."""
