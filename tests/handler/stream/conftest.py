"""What the tests of the stream function share."""

import pytest

from parser.bulk import Encoder
from support.stream_function import Function, make_function


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch, account: None) -> Function:
    """Give the function, in an account with an empty failure bucket, with an OpenSearch that takes all."""
    return make_function(monkeypatch)


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each payload fill a batch."""
    monkeypatch.setattr(Encoder, "is_full", property(lambda _: True))
