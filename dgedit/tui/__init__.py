"""The editor on the screen."""

import os

# Textual reads these once, when it is first imported. How long an Escape may be the start of another key, in
# milliseconds; and how often the screen may be drawn, which a key waits for.
os.environ.setdefault("ESCDELAY", "30")
os.environ.setdefault("TEXTUAL_FPS", "120")
