"""A Python that makes our own numbers worse is named."""

import sys
import sysconfig

import pytest

from benchmarks import python_build
from benchmarks.python_build import WARNING, describe_build


@pytest.mark.parametrize(
    ("arguments", "distributions", "lines"),
    [
        ("'--enable-optimizations' '--with-lto'", False, ["with profile-guided optimization"]),
        ("'--enable-shared'", True, ["with profile-guided optimization"]),
        ("'--enable-shared'", False, ["WITHOUT profile-guided optimization", WARNING]),
        (None, False, ["WITHOUT profile-guided optimization", WARNING]),
    ],
    ids=["built so", "of the distribution", "built without", "tells nothing"],
)
def test_the_build_is_named_and_a_slow_one_is_warned_of(
    arguments: str | None, distributions: bool, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", lambda _: arguments)
    monkeypatch.setattr(python_build, "is_distributions", lambda: distributions)

    said = describe_build()

    assert [found.endswith(line) for found, line in zip(said, lines, strict=True)] == [True] * len(lines)
    assert said[0].startswith(f"Python {sys.version.split()[0]} ")
