"""What the gateways, the phone and the faults share while an emulator runs."""

from dataclasses import dataclass, field

from .background import Background
from .clock import Clock
from .courier import Courier
from .faults import FaultBook
from .files import FileStore
from .phone import Phone
from .request_log import RequestLog


@dataclass
class World:
    """The parts of one emulator, handed to every gateway."""

    clock: Clock
    # QR texts and pairing codes are made from this, credentials are not.
    seed: bytes
    phone: Phone
    faults: FaultBook
    requests: RequestLog = field(default_factory=RequestLog)
    files: FileStore = field(default_factory=FileStore)
    background: Background = field(default_factory=Background)
    courier: Courier = field(default_factory=Courier)
    # Where the emulator listens; known once it does.
    url: str = ""
