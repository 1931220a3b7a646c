"""The prices of prices.toml, by name."""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_name("prices.toml")


@dataclass(frozen=True, slots=True)
class Price:
    """What one unit costs.

    Attributes:
        dollars: US dollars for a unit.
        unit: what that is, in words.
        source: the page that tells the price.
        noted: the day on which it was written down.
    """

    dollars: float
    unit: str
    source: str
    noted: date


@cache
def read_prices() -> dict[str, Price]:
    """Return the prices by their name."""
    stored = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {name: Price(**about) for name, about in stored.items() if isinstance(about, dict)}


def read_region() -> str:
    """Return the Region whose prices they are."""
    return str(tomllib.loads(FILE.read_text(encoding="utf-8"))["region"])


def price(name: str) -> float:
    """Return the dollars for a unit.

    Raises:
        KeyError: there is no such price.
    """
    return read_prices()[name].dollars


def tell_date() -> str:
    """Return since when the oldest of the prices stands there."""
    return f"{min(each.noted for each in read_prices().values()):%Y-%m-%d}"
