"""Rules that say on which calls an effect acts."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from inspect import signature

from layers_etl.sandbox.effects import EFFECTS
from layers_etl.sandbox.exchange import Answer, Call, Handler


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A rule: on which calls which effect acts.

    `path` is a regular expression searched for in the path; `scope` and `entity` are those of an `ads-metrics` query;
    `query` names further parameters and their values. Of the matching calls the first `after` are spared, at most
    `times` are hit (None: all), and of these only a `share`, drawn from the seed and the request itself.
    """

    effect: str
    parameters: Mapping[str, object] = field(default_factory=dict[str, object])
    path: str = ""
    scope: str | None = None
    entity: str | None = None
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    after: int = 0
    times: int | None = None
    share: float = 1.0

    def __post_init__(self) -> None:
        """ValueError on an unknown effect, a parameter it does not have, or a path that is no expression."""
        if self.effect not in EFFECTS:
            raise ValueError(f"unknown effect {self.effect!r}; there are {', '.join(EFFECTS)}")
        try:
            _ = signature(EFFECTS[self.effect]).bind(None, None, **self.parameters)
            _ = re.compile(self.path)
        except (TypeError, re.error) as error:
            raise ValueError(f"effect {self.effect!r}: {error}") from error

    def matches(self, call: Call) -> bool:
        """Whether the rule is about this call."""
        asked = {"scope": self.scope, "id": self.entity, **self.query}
        return re.search(self.path, call.path) is not None and all(
            value is None or value in call.values(name) for name, value in asked.items()
        )


class Faults:
    """The rules in force. All that match a call act on it, the first added outermost."""

    def __init__(self, seed: int) -> None:
        """Start without rules; `seed` decides which calls a `share` hits."""
        self._seed = seed
        self._rules: list[_Rule] = []

    def add(self, fault: Fault) -> None:
        """Put a rule in force."""
        self._rules.append(_Rule(fault, f"{self._seed}/{len(self._rules)}"))

    def clear(self) -> None:
        """Lift all rules."""
        self._rules = []

    def rules(self) -> list[Fault]:
        """The rules in force, in order."""
        return [rule.fault for rule in self._rules]

    def around(self, call: Call, handler: Handler) -> Handler:
        """The handler with the effects that act on this call around it."""
        acting = [rule.fault for rule in self._rules if rule.hits(call)]
        for fault in reversed(acting):
            handler = partial(_act, fault, handler)
        return handler


@dataclass
class _Rule:
    """A fault and the calls it has seen."""

    fault: Fault
    seed: str
    matched: int = 0
    hit: int = 0
    seen: Counter[str] = field(default_factory=Counter[str])

    def hits(self, call: Call) -> bool:
        fault = self.fault
        if not fault.matches(call):
            return False
        self.matched += 1
        if self.matched <= fault.after or (fault.times is not None and self.hit >= fault.times):
            return False
        if fault.share < 1 and self._draw(call) >= fault.share:
            return False
        self.hit += 1
        return True

    def _draw(self, call: Call) -> float:
        """Uniform in [0, 1): by the request and how often it was seen, whatever the order of different requests."""
        request = f"{call.path}?{call.query}"
        self.seen[request] += 1
        digest = blake2b(f"{self.seed}/{request}/{self.seen[request]}".encode(), digest_size=4).digest()
        return int.from_bytes(digest) / 2**32


def _act(fault: Fault, handler: Handler, call: Call) -> Answer:
    return EFFECTS[fault.effect](call, handler, **fault.parameters)
