"""Colours that colour-blind people can tell apart (Okabe and Ito, "Color Universal Design")."""

from typing import Final

ORANGE: Final = "#E69F00"
SKY_BLUE: Final = "#56B4E9"
GREEN: Final = "#009E73"
BLUE: Final = "#0072B2"
VERMILION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
YELLOW: Final = "#F0E442"
GREY: Final = "#7F7F7F"

SERIES: Final = (BLUE, ORANGE, GREEN, PURPLE, SKY_BLUE, VERMILION, YELLOW, GREY)
"""For things without a colour of their own."""

ACTIONS: Final = {"ACCEPT": BLUE, "REJECT": VERMILION}
"""Refused stands out, also without colour vision: vermilion looks dark there, blue stays blue."""

MID_GREY: Final = "#808080"
"""Text that is readable on white and on black."""
