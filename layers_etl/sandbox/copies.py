"""When the copy that is served was made.

What the API serves is a copy: ad metrics are synced from the platforms every so many hours, a little later on each
platform than on the one before. A reading shows the numbers as they were at the last sync, however long ago that was:
while syncing is paused, the copy stays what it was.
"""

from dataclasses import dataclass
from typing import Final

from layers_etl.sandbox.entities import Account, Platform

STAGGER: Final = {Platform.META: 0, Platform.TIKTOK: 900, Platform.APPLE: 1800}
"""Seconds by which a platform's syncs come after midnight and each of the intervals that follow."""

LONGEST_STAGGER: Final = max(STAGGER.values())


@dataclass(frozen=True, slots=True)
class Pause:
    """Epoch seconds between which no sync happens; `until` None: it never ends.

    The sync at `since` itself still happened, and that at `until` happens again: a pause from 06:00 on leaves the copy
    of 06:00. `platform` and `account_id` restrict it; None: all of them.
    """

    since: int
    until: int | None = None
    platform: Platform | None = None
    account_id: str | None = None

    def __post_init__(self) -> None:
        """ValueError if it would end before it begins."""
        if self.until is not None and self.until <= self.since:
            raise ValueError("a pause of syncing must end after it begins")

    def prevents(self, account: Account, sync: int) -> bool:
        """Whether a sync of the account at that second does not happen."""
        return (
            self.since < sync
            and (self.until is None or sync < self.until)
            and self.platform in (None, account.platform)
            and self.account_id in (None, account.id)
        )


class Copies:
    """The syncs of all accounts: one every `sync_hours` (0: what is served is live)."""

    def __init__(self, sync_hours: int) -> None:
        """Sync without a pause; ValueError on a negative interval."""
        if sync_hours < 0:
            raise ValueError("sync_hours must be 0 (live) or more")
        self._interval = sync_hours * 3_600
        self._pauses: list[Pause] = []

    def pause(self, pause: Pause) -> None:
        """Let no sync happen in that span, whatever pauses there are already."""
        self._pauses.append(pause)

    def made_at(self, account: Account, at: int) -> int:
        """The second at which the copy was made that a reading of the account at `at` shows."""
        made_at = self._last_sync(account, at)
        # Each step goes back to before a pause began, so this ends; the syncs before it may lie in another pause.
        while standing := [pause.since for pause in self._pauses if pause.prevents(account, made_at)]:
            made_at = self._last_sync(account, min(standing))
        return made_at

    def _last_sync(self, account: Account, at: int) -> int:
        """The last scheduled sync at or before `at`."""
        if not self._interval:
            return at
        return at - (at - STAGGER[account.platform]) % self._interval
