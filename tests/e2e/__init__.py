"""A real Home Assistant, a real browser, and the emulator in place of the vendors."""
