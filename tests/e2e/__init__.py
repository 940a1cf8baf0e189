"""A real Home Assistant, a real browser, and the emulator in place of the vendors."""

import logging

# Parts of Home Assistant that come along when the integration is imported miss a library for video, and say so. What
# runs here does not use them, and the Home Assistant that does has a log of its own.
logging.getLogger("homeassistant").addHandler(logging.NullHandler())
