"""Which engine a domain of Amazon's has: general, or Optimized. The cluster itself does not tell it."""

import re
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from handler.observe import logger
from parser.engine import Engine, Kind

_ENDPOINT: Final = re.compile(
    r"(?:search|vpc)-([a-z][a-z0-9-]{2,27})-[a-z0-9]{26}\."
    r"(?:([a-z0-9-]+)\.es\.amazonaws\.com(?:\.cn)?|aos\.([a-z0-9-]+)\.on\.aws)"
)
"""Of a domain without a name of one's own (Amazon OpenSearch Service Developer Guide, "Creating domains")."""

_MODES: Final = {"OPTIMIZED": Kind.OPTIMIZED}
"""What Amazon calls them -> the kind; any other is the general one."""

_SECONDS: Final = 3


def read_domain(url: str) -> tuple[str, str] | None:
    """Return name and Region of the domain that has an endpoint; None where the endpoint does not tell."""
    found = _ENDPOINT.fullmatch(urlsplit(url).hostname or "")
    return (found[1], found[2] or found[3]) if found else None


def ask_kind(url: str) -> Kind:
    """Return which engine the domain at an endpoint has, as Amazon tells it (`es:DescribeDomain`).

    What is no domain of Amazon's, or has an endpoint by another name, is taken for the general one.

    Raises:
        botocore.exceptions.ClientError, BotoCoreError: Amazon may not be asked, or does not answer.
    """
    domain = read_domain(url)
    if domain is None:
        return Kind.GENERAL
    import boto3  # slow, and needed with a domain only
    from botocore.config import Config

    name, region = domain
    once = Config(connect_timeout=_SECONDS, read_timeout=_SECONDS, retries={"total_max_attempts": 1})
    client = boto3.client("opensearch", region_name=region, config=once)
    status = client.describe_domain(DomainName=name)["DomainStatus"]
    return _MODES.get(str(status.get("EngineMode")), Kind.GENERAL)


def find_kind(engine: Engine, url: str) -> Engine:
    """Return an engine with its kind, as far as Amazon tells it.

    Where Amazon does not tell, it stays what it was taken for: what it lacks, it will refuse.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return replace(engine, kind=ask_kind(url))
    except (BotoCoreError, ClientError) as error:
        logger.info("setup.engine_unknown", extra={"reason": str(error)})
        return engine
