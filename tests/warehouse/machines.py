"""What machines do to files: disks that are full, file systems that can't do everything, other users' masks."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def no_file_longer_than(size: int) -> Generator[None]:
    """The system takes no more than ``size`` bytes of any file: as on a full disk, for every user."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def umask(mask: int) -> Generator[None]:
    """New files have no more than the mask leaves."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def limit_the_file_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """As SMB and bind mounts of containers are: no modes, no times, and no sync of folders."""
    sync = os.fsync

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    def sync_files_only(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").is_dir():
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        sync(descriptor)

    monkeypatch.setattr(os, "chmod", refuse)
    monkeypatch.setattr(os, "utime", refuse)
    monkeypatch.setattr(os, "fsync", sync_files_only)


def refuse_locks(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """As NFS without its lock daemon, and others, answer."""
    import fcntl  # noqa: PLC0415 - systems without it have no such file systems

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
