"""The signature of a request to AWS: that of requests-aws4auth, in the form that opensearch-py calls."""

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace

from requests_aws4auth import AWS4Auth

Signature = Callable[[str, str, bytes | None], dict[str, str]]
"""Given method, URL and body, return the headers that sign the request."""


def sign_with(signer: AWS4Auth) -> Signature:
    """Return a signer in the form that opensearch-py's urllib3 connection calls.

    requests-aws4auth signs an object with the attributes of a `requests` request; given such an
    object it works without that library's connection, which costs twice as much a request.
    """
    # The path changes once a day, the query and the host never.
    signer.amz_cano_path = cache(signer.amz_cano_path)
    signer.amz_cano_querystring = cache(signer.amz_cano_querystring)
    signer.get_canonical_headers = _list_headers
    find_host = cache(AWS4Auth.get_host_header)

    def sign(method: str, url: str, body: bytes | None) -> dict[str, str]:
        # The host is signed as http.client sends it: without the port where that is the usual one.
        request = SimpleNamespace(method=method, url=url, body=body, headers={}, host=find_host(url))
        signed: dict[str, str] = signer(request).headers
        return signed

    return sign


def _list_headers(request: SimpleNamespace, _: object = None) -> tuple[str, str]:
    """Return the canonical headers and their names: the signer's own and the host, once and in small letters.

    The library's own function looks for others, in any letters, and reads the URL once more.
    """
    headers = sorted({"host": request.host, **request.headers}.items())
    listed = "".join([f"{name}:{' '.join(value.split())}\n" for name, value in headers])
    return listed, ";".join([name for name, _ in headers])
