"""A message to one of the services that Apprise knows: mail, Telegram, Teams, Slack by token, and a hundred more.

Apprise logs what it does in its own ways, has no time limit for the whole, and its exceptions lead to the address,
which is a secret. So it has a process of its own, of which nothing is known but its exit code: this module, run by
itself. It gets address and text by standard input, where no list of processes shows them.
"""

from __future__ import annotations

import enum
import subprocess
import sys
from typing import Final

import msgspec
from pydantic import SecretStr

from layers_etl.domain.addresses import is_loopback

LONGEST_SECONDS: Final = 30.0
"""For which anyone waits for a service: a mail takes longer than a webhook."""

_MARKUP: Final = str.maketrans({"<": "‹", ">": "›", "@": "@\u2060"})
"""What services make mentions of: a campaign named ``<!channel>`` or ``@everyone`` wakes nobody."""


class _Outcome(enum.IntEnum):
    """What the process ends with; anything else is a failure that has no name."""

    TAKEN = 0
    NOT_TAKEN = 10
    NOT_UNDERSTOOD = 11
    NOT_ENCRYPTED = 12


_TOLD: Final[dict[int, str]] = {
    _Outcome.NOT_UNDERSTOOD: "it is no address that Apprise understands",
    _Outcome.NOT_ENCRYPTED: "it would send a secret unencrypted; use the kind that ends in s, like mailtos://",
}


class _Message(msgspec.Struct, frozen=True):
    """What the process is given."""

    address: str
    text: str


def send_text(address: SecretStr, text: str, seconds: float = LONGEST_SECONDS) -> str | None:
    """Send ``text`` through Apprise; why it was not taken, None if it was. Proxies are those of the environment."""
    message = _Message(address.get_secret_value(), text.translate(_MARKUP))
    try:
        ended = subprocess.run(  # noqa: S603 - this module, by this interpreter
            [sys.executable, "-P", "-m", __name__],
            input=msgspec.json.encode(message),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it did not answer within {seconds:g} seconds"
    if ended.returncode == _Outcome.TAKEN:
        return None
    return _TOLD.get(ended.returncode, "Apprise could not deliver it")


def _send(message: _Message) -> _Outcome:
    """Redirects are not followed: they would lead the secret, or what is told, elsewhere."""
    import apprise  # noqa: PLC0415 # pyright: ignore[reportMissingImports] - an extra, of this process alone

    service = apprise.Apprise.instantiate(message.address, asset=apprise.AppriseAsset(http_redirects=False))
    if not isinstance(service, apprise.NotifyBase):
        return _Outcome.NOT_UNDERSTOOD
    # Kinds that are always encrypted, like Slack, have no protocol that is not.
    if service.protocol and not service.secure and not is_loopback(service.host or ""):
        return _Outcome.NOT_ENCRYPTED
    sending = apprise.Apprise()
    sending.add(service)
    taken = sending.notify(message.text, body_format=apprise.NotifyFormat.TEXT)
    return _Outcome.TAKEN if taken else _Outcome.NOT_TAKEN


if __name__ == "__main__":
    sys.exit(_send(msgspec.json.decode(sys.stdin.buffer.read(), type=_Message)))
