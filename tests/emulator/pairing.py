"""What a gateway offers to a phone that wants to link: QR codes and pairing codes."""

from dataclasses import dataclass, field
import hashlib
import hmac

from .clock import Clock
from .qr import make_text, render_png

# Without 0, O, I and the like, because people type these codes on a phone.
_CODE_LETTERS = "123456789ABCDEFGHJKLMNPQRSTVWXYZ"
_CODE_LENGTH = 8
# A scan that was on its way when the code changed still counts.
_GRACE_SECONDS = 1.0


@dataclass
class QrCode:
    """One QR code; the picture is made when somebody wants to see it."""

    text: str
    _png: bytes = field(default=b"", repr=False)

    @property
    def png(self) -> bytes:
        """Return the code as a PNG."""
        if not self._png:
            self._png = render_png(self.text)
        return self._png


class QrSeries:
    """The QR codes of one instance, of which one at a time can be scanned.

    Codes follow from the clock alone: no task turns them over, and a code that nobody
    asked for never existed.
    """

    def __init__(
        self,
        clock: Clock,
        seed: bytes,
        name: str,
        lifetime: float,
        first_lifetime: float | None = None,
        limit: int | None = None,
    ) -> None:
        """Prepare a series; `begin` starts it.

        Args:
            clock: The vendor's time.
            seed: What the texts are made from.
            name: Tells the codes of one instance from those of another.
            lifetime: Vendor seconds that a code stays valid.
            first_lifetime: The same for the first code, if that one differs.
            limit: How many codes there are in a series, if the vendor gives up some time.

        """
        self._clock = clock
        self._seed = seed
        self._name = name
        self._lifetime = lifetime
        self._first_lifetime = lifetime if first_lifetime is None else first_lifetime
        self._limit = limit
        self._round = 0
        self._start: float | None = None
        self._number = -1
        self._current: QrCode | None = None
        self._previous: QrCode | None = None
        self._known: set[str] = set()

    def begin(self, delay: float = 0) -> None:
        """Start a new series, whose first code comes after `delay` vendor seconds."""
        self.end()
        self._round += 1
        self._start = self._clock.now() + delay

    def end(self) -> None:
        """Make all codes worthless: the phone has scanned, or the server restarts."""
        self._start = None
        self._number = -1
        self._current = self._previous = None

    def current(self) -> QrCode | None:
        """Return the valid code; None while there is none (yet)."""
        number = self._number_now()
        if number is None:
            return None
        if number != self._number:
            # The code before is scannable a moment longer only if it was the very last.
            self._previous = self._current if number == self._number + 1 else None
            text = make_text(self._seed, f"{self._name} {self._round}", number)
            self._current = QrCode(text)
            self._number = number
            self._known.add(text)
        return self._current

    @property
    def count(self) -> int:
        """Return how many codes this series has had by now, shown or not."""
        number = self._number_now()
        return 0 if number is None else number + 1

    def seconds_since_last(self) -> float | None:
        """Return how long ago the last code of a limited series ran out; None if it did not."""
        if self._start is None or self._limit is None:
            return None
        seconds = self._clock.now() - self._begins_at(self._limit)
        return seconds if seconds >= 0 else None

    def seconds_to_next(self) -> float | None:
        """Return the vendor seconds until the next code; None while none will come."""
        if self._start is None or self.seconds_since_last() is not None:
            return None
        number = self._number_now()
        if number is None:
            return self._start - self._clock.now()
        return self._begins_at(number + 1) - self._clock.now()

    def is_known(self, text: str) -> bool:
        """Say whether this code was ever shown."""
        return text in self._known

    def is_valid(self, text: str) -> bool:
        """Say whether a phone that scans this code now would be linked."""
        current = self.current()
        if current is None:
            return False
        if text == current.text:
            return True
        age = self._clock.now() - self._begins_at(self._number)
        return self._previous is not None and text == self._previous.text and age <= _GRACE_SECONDS

    def _number_now(self) -> int | None:
        if self._start is None or (age := self._clock.now() - self._start) < 0:
            return None
        if self.seconds_since_last() is not None:
            return None
        if age < self._first_lifetime:
            return 0
        return 1 + int((age - self._first_lifetime) / self._lifetime)

    def _begins_at(self, number: int) -> float:
        assert self._start is not None
        if number == 0:
            return self._start
        return self._start + self._first_lifetime + (number - 1) * self._lifetime


class PairingCodes:
    """The pairing codes of one instance; only the newest can be entered."""

    def __init__(self, clock: Clock, seed: bytes, name: str, lifetime: float) -> None:
        """Prepare; `issue` makes the codes, which live for `lifetime` vendor seconds."""
        self._clock = clock
        self._seed = seed
        self._name = name
        self._lifetime = lifetime
        self._numbers: dict[str, str] = {}
        self._newest: str | None = None
        self._valid_until = 0.0
        # Somebody entered a code that was none, while this instance had one pending.
        self.mistyped = False

    def issue(self, number: str) -> str:
        """Make a new code for the phone with this number."""
        purpose = f"{self._name} pairing code {len(self._numbers)}".encode()
        key = hmac.digest(self._seed, purpose, "sha256")
        digest = hashlib.shake_256(key).digest(_CODE_LENGTH)
        code = "".join(_CODE_LETTERS[byte % len(_CODE_LETTERS)] for byte in digest)
        self._numbers[code] = number
        self._newest = code
        self._valid_until = self._clock.now() + self._lifetime
        return code

    def end(self) -> None:
        """Make all codes worthless, and forget what was mistyped."""
        self._newest = None
        self.mistyped = False

    @property
    def pending(self) -> bool:
        """Say whether there is a code that could be entered."""
        return self._newest is not None and self._clock.now() <= self._valid_until

    def is_known(self, code: str) -> bool:
        """Say whether this code was ever issued."""
        return code in self._numbers

    def is_valid(self, code: str) -> bool:
        """Say whether a phone that enters this code now would be linked."""
        return self.pending and code == self._newest

    def number_of(self, code: str) -> str:
        """Return the phone number that the code was asked for."""
        return self._numbers[code]


def plain_code(typed: str) -> str:
    """Return a pairing code as it is compared: capitals, without dash and spaces."""
    return "".join(letter for letter in typed.upper() if letter.isalnum())
