"""Packages that only a test needs: installed once into a folder of pytest's cache, never into the environment."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

_INSTALL = (
    *("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1"),
    *("--no-deps", "--no-compile", "--only-binary", ":all:"),
)


def installed(cache: pytest.Cache, name: str, *requirements: str) -> Path:
    """The folder that has exactly ``requirements``, to be put first on the path of another process.

    Skips the test where they can't be had: no index is reached, or it has none for this Python.
    """
    folder = cache.mkdir("packages") / f"{name}-{sys.version_info.major}.{sys.version_info.minor}"
    if folder.exists():
        return folder
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        target = Path(made) / "packages"
        done = subprocess.run(
            [sys.executable, *_INSTALL, "--target", str(target), *requirements],
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            pytest.skip(f"{name} can't be installed here: {(errors or ['pip says nothing'])[-1]}")
        if not folder.exists():
            target.rename(folder)
    return folder


def run_with(folder: Path | None, *arguments: str | Path, cwd: Path | None = None) -> str:
    """What a Python process that finds the packages of ``folder`` first prints; it must succeed."""
    environment = {**os.environ, "PYTHONPATH": str(folder or "")}
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], check=False, capture_output=True, text=True, env=environment, cwd=cwd
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
