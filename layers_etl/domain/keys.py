"""What an API key says of itself, and how it may be shown; nothing else reads one."""

from __future__ import annotations

import re
from typing import Final, Literal

KeyKind = Literal["live", "test"]

_KINDS: Final[dict[str, KeyKind]] = {"lp_live_": "live", "lp_test_": "test"}
_LOOKS_LIKE_ONE: Final = re.compile(r"(?:^|//|[,;=:@\s'\"])lp_", re.IGNORECASE)
_WITHIN: Final = re.compile(r"lp_(?:live|test)_.*", re.IGNORECASE | re.DOTALL)


def key_kind(api_key: str) -> KeyKind | None:
    """Whether a key reads real accounts or may read a sandbox of fakes; None where it does not say (layers-api.md).

    Keys are opaque but for this prefix: a test key can belong to the organisation of a live warehouse.
    """
    return next((kind for prefix, kind in _KINDS.items() if api_key.startswith(prefix)), None)


def check_key(text: str) -> str:
    """The key; ``ValueError``, which never repeats it, for one that no header can carry."""
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("is empty or holds characters no key has; copy it again")
    return text


def mask_key(api_key: str) -> str:
    """How a key may be shown: of which kind it is, and nothing else of it."""
    return next((f"{prefix}…" for prefix in _KINDS if api_key.startswith(prefix)), "set, of a kind that is not known")


def looks_like_key(text: str) -> bool:
    """Whether a text that should be something else holds what begins like a key."""
    return bool(_LOOKS_LIKE_ONE.search(text))


def hide_key(text: str) -> str:
    """The text without the key that may have run into it."""
    return _WITHIN.sub("…", text)
