"""What an API key says of itself; nothing else reads one."""

from __future__ import annotations

from typing import Final, Literal

KeyKind = Literal["live", "test"]

_KINDS: Final[dict[str, KeyKind]] = {"lp_live_": "live", "lp_test_": "test"}


def key_kind(api_key: str) -> KeyKind | None:
    """Whether a key reads real accounts or may read a sandbox of fakes; None where it does not say (layers-api.md).

    Keys are opaque but for this prefix: a test key can belong to the organisation of a live warehouse.
    """
    return next((kind for prefix, kind in _KINDS.items() if api_key.startswith(prefix)), None)
