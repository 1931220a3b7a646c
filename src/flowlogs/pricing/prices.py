"""The prices of prices.toml, by name."""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).with_name("prices.toml")

_NODES: Final = "nodes"


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
def _read() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


@cache
def read_prices() -> dict[str, Price]:
    """Return the prices by their name; those of nodes by `nodes.` and their type."""
    stored = _read()
    prices = {
        name: Price(**about) for name, about in stored.items() if isinstance(about, dict) and name != _NODES
    }
    nodes = stored[_NODES]
    common = {name: value for name, value in nodes.items() if name != "dollars"}
    return prices | {
        f"{_NODES}.{kind}": Price(dollars=dollars, **common) for kind, dollars in nodes["dollars"].items()
    }


def read_region() -> str:
    """Return the Region whose prices they are."""
    return str(_read()["region"])


def price(name: str) -> float:
    """Return the dollars for a unit.

    Raises:
        KeyError: there is no such price.
    """
    return read_prices()[name].dollars


def price_node(kind: str) -> float | None:
    """Return the dollars for an hour of a node; None for a type that is not listed: it is not guessed."""
    found = read_prices().get(f"{_NODES}.{kind}")
    return found.dollars if found else None


def tell_date() -> str:
    """Return since when the oldest of the prices stands there."""
    return f"{min(each.noted for each in read_prices().values()):%Y-%m-%d}"
