"""Whether an address answers from here, whatever it answers."""

from typing import Final

from flowlogs.terminal.advice import describe_silence

_SECONDS: Final = 5


def try_to_reach(url: str) -> str:
    """Return why an address does not answer; empty where it does: a refusal is an answer, too."""
    import requests

    from handler.installing.cluster import explain_tls

    try:
        requests.get(url, timeout=_SECONDS, allow_redirects=False)
    except requests.exceptions.SSLError as error:
        return explain_tls(str(error))
    except requests.exceptions.Timeout:
        return f"no answer within {_SECONDS} seconds"
    except requests.exceptions.RequestException as error:
        return describe_silence(str(error))
    return ""
