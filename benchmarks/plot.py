"""Draws results.svg from results.json. It has an environment of its own, for matplotlib."""

import json
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "flowlogs"  # the same input gives the same file
from matplotlib import pyplot as plt  # noqa: E402  # after the backend is chosen

FOLDER = Path(__file__).parent
SHOWN = ("v2+fields 50", "v2+fields 1000", "v2 1000", "v5 1000")
COLOURS = {"flowlogs-opensearch": "#d97706", "our transform": "#fbbf24", "floor": "#9ca3af"}


def main() -> None:
    """Draw one panel of bars for each kind and size that is shown."""
    results = json.loads((FOLDER / "results.json").read_text())
    figure, axes = plt.subplots(len(SHOWN), 1, figsize=(8, 2.6 * len(SHOWN)), layout="constrained")
    for axis, cell in zip(axes, SHOWN, strict=True):
        labels, values = zip(*results[cell].items(), strict=True)
        bars = axis.barh(labels, values, color=[COLOURS.get(label, "#64748b") for label in labels])
        axis.bar_label(bars, fmt="%.1f", padding=3)
        axis.invert_yaxis()
        axis.margins(x=0.12)
        axis.spines[["top", "right"]].set_visible(False)
        kind, _, size = cell.rpartition(" ")
        axis.set_title(f"{kind}, {int(size):,} events a payload", loc="left")
    axes[-1].set_xlabel("CPU, microseconds an event (less is better)")
    figure.savefig(FOLDER / "results.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
