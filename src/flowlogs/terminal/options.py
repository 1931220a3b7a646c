"""Options that several commands have, so that they are called and explained alike."""

import os
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Annotated, Final

import typer

from flowlogs.terminal.times import read_time

Bucket = Annotated[str | None, typer.Option(envvar="FAILURE_BUCKET", help="The failure bucket.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
Stack = Annotated[
    str | None,
    typer.Option(
        envvar="FLOWLOGS_STACK",
        help="The CloudFormation stack, which knows all names and how to reach OpenSearch.",
    ),
]
EventSince = Annotated[
    datetime | None,
    typer.Option(parser=read_time, metavar="TIME", help="Events of this time (UTC) or later."),
]
EventUntil = Annotated[
    datetime | None, typer.Option(parser=read_time, metavar="TIME", help="Events before this time (UTC).")
]
StoredSince = Annotated[
    datetime | None,
    typer.Option(parser=read_time, metavar="TIME", help="Stored at this time (UTC) or later."),
]
StoredUntil = Annotated[
    datetime | None, typer.Option(parser=read_time, metavar="TIME", help="Stored before this time (UTC).")
]

_FLAG: Final = "--debug"
_WITH_VALUE: Final = ("--profile", "--region")
_KEYS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def put_first(arguments: list[str]) -> list[str]:
    """Move the options of all commands before the command's name; they may stand behind it as well."""
    ours: list[str] = []
    others: list[str] = []
    rest: Iterator[str] = iter(arguments)
    for each in rest:
        if each == "--":
            others += [each, *rest]
        elif each in _WITH_VALUE:
            ours += [each, *islice(rest, 1)]
        elif each == _FLAG or each.startswith(tuple(f"{name}=" for name in _WITH_VALUE)):
            ours.append(each)
        else:
            others.append(each)
    return [*ours, *others]


def choose_account(profile: str | None, region: str | None) -> None:
    """Choose account and Region for all that talks to AWS, by the rules of the AWS CLI.

    A profile that is asked for wins over keys in the environment; a Region over AWS_REGION, that over
    AWS_DEFAULT_REGION, and that over the profile's own.
    """
    if profile is not None:
        os.environ["AWS_PROFILE"] = profile
        for name in _KEYS:
            os.environ.pop(name, None)
    chosen = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if chosen:
        # boto3 reads one of them, the functions' configuration the other.
        os.environ["AWS_REGION"] = os.environ["AWS_DEFAULT_REGION"] = chosen


def find_region() -> str:
    """Return the chosen Region, else the profile's; empty where there is neither."""
    chosen = os.environ.get("AWS_REGION", "")
    if chosen:
        return chosen
    import botocore.session  # slow; most environments name their Region
    from botocore.exceptions import ProfileNotFound

    try:
        found: str | None = botocore.session.get_session().get_config_variable("region")
    except ProfileNotFound:
        return ""
    return found or ""
