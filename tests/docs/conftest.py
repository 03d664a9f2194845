"""The file that the documents are held to."""

from __future__ import annotations

from ..marts.conftest import analyst, published

__all__ = ["analyst", "published"]
