"""The process itself: the signals that end it, the streams it writes to, and what ended it."""
