"""Answers of the simulated API, rewritten on their way: what a test wants to be odd, and all else as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx

from layers_etl.ingest.identity import Connect

from ..harness.clients import connecting

Rewrite = Callable[[str, Any], Any]
"""From a path without its query, and the JSON of a 200, to the JSON to put in its place."""


def rewriting(rewrite: Rewrite) -> Connect:
    """Makes the client of a run whose 200s are rewritten."""

    def intercept(request: httpx.Request, answer: httpx.Response, body: bytes) -> bytes:
        if answer.status_code != 200:
            return body
        path = request.extensions["target"].decode().partition("?")[0]
        return json.dumps(rewrite(path, json.loads(body))).encode()

    return connecting(intercept=intercept)


def with_items(part: str, change: Callable[[int, dict[str, Any]], Any]) -> Rewrite:
    """Every item of the listings whose path ends in ``part``, by its position, changed; None takes it out."""

    def rewrite(path: str, answer: Any) -> Any:
        if not path.endswith(part):
            return answer
        changed = [change(position, item) for position, item in enumerate(answer["items"])]
        return answer | {"items": [item for item in changed if item is not None]}

    return rewrite
