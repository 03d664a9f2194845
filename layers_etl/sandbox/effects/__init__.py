"""Everything that can go wrong, by name.

An effect stands between a call and its handler: it may ask for something else, spoil the answer, or answer itself. The
first line of its docstring is what `layers-etl sandbox --help` says of it.
"""

from collections.abc import Mapping
from typing import Final, Protocol, cast

from layers_etl.sandbox.effects import listings, numbers, refusals, series, transmission
from layers_etl.sandbox.exchange import Answer, Call, Handler


class Effect(Protocol):
    """What a fault does to a call; its own parameters are keyword-only."""

    def __call__(self, call: Call, handler: Handler, /, **parameters: object) -> Answer:
        """The answer in place of the handler's."""
        ...


EFFECTS: Final[Mapping[str, Effect]] = {
    effect.__name__: cast("Effect", effect)
    for kind in (refusals, transmission, series, numbers, listings)
    for effect in kind.EFFECTS
}
