"""Ids with and without their prefix: the API takes either form of one.

Its prefixes are lower-case, what follows them is not, so that nothing else begins like one.
"""

import re
from typing import Final

PREFIX: Final = re.compile(r"\A[a-z]+_")


def with_prefix(prefix: str, given: str) -> str:
    """The id in the form in which it is listed, whichever form was given."""
    return f"{prefix}_{given.removeprefix(f'{prefix}_')}"


def bare(listed: str) -> str:
    """The id without its prefix."""
    return PREFIX.sub("", listed)


def matches(given: str, listed: str) -> bool:
    """Whether what was given is the listed id, in either form."""
    return given in (listed, bare(listed))
