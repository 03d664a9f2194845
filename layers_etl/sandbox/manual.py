"""What `layers-etl sandbox --help` says beyond its options: the keys there are, and what can be made to go wrong."""

from collections.abc import Mapping
from inspect import cleandoc

from layers_etl.sandbox.auth import KEYS
from layers_etl.sandbox.effects import EFFECTS


def describe() -> str:
    """Two lists, one line each: every key with what it is for, every effect with the first line of its docstring."""
    keys = {key: known.purpose for key, known in KEYS.items()}
    effects = {name: cleandoc(effect.__doc__ or "").partition("\n")[0] for name, effect in EFFECTS.items()}
    return "\n\n".join(
        [
            _section("Keys, for 'Authorization: Bearer KEY':", keys),
            _section(
                'Faults, for POST /sandbox/faults {"effect": NAME, "parameters": {}, "path": REGEX, "times": N, …}:',
                effects,
            ),
        ]
    )


def _section(title: str, lines: Mapping[str, str]) -> str:
    width = max(map(len, lines)) + 2
    return "\n".join([title, *(f"  {name:<{width}}{text}" for name, text in lines.items())])
