"""A real OpenSearch with the real security plugin, for tests of who may do what.

Fine-grained access control of Amazon OpenSearch Service is this plugin. The node speaks TLS with
certificates made here, and knows one user, who may do everything: others come through its API.
"""

import base64
import json
import re
import ssl
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import bcrypt
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jgo.constants import default_maven_repo
from jgo.maven import MavenContext

from flowlogs.local import loopback
from flowlogs.local.embedded import Embedded, announce
from flowlogs.local.errors import EmbeddedError
from flowlogs.local.releases import SECURED, Release, class_path, fetch_jar, keep_jars

User = tuple[str, str]
"""A name and a password."""

ADMIN: Final[User] = ("admin", "Only-for-tests-7")

_PLUGIN: Final = "org.opensearch.security.OpenSearchSecurityPlugin"
_FOLDER: Final = "opensearch-security"
# The plugin uses it, and its zip lacks it.
_COLLECTIONS: Final = ("org.apache.commons", "commons-collections4", "4.5.0")
_VERSION_OF_JAR: Final = re.compile(r"-[0-9][0-9A-Za-z.\-]*[.]jar$")
_MEGABYTES: Final = 49
_TLS: Final = {"pemcert": "node.pem", "pemkey": "node-key.pem", "pemtrustedcas": "ca.pem"}
# Everyone signs in by name and password; what else the plugin offers stays off.
_CONFIGURATION: Final = {
    "dynamic": {
        "http": {"anonymous_auth_enabled": False, "xff": {"enabled": False}},
        "authc": {
            "basic": {
                "http_enabled": True,
                "transport_enabled": True,
                "order": 0,
                "http_authenticator": {"type": "basic", "challenge": True},
                "authentication_backend": {"type": "intern"},
            }
        },
    }
}


class SecureNode(Embedded):
    """An embedded node that asks everybody who they are; `ca_bundle` is the file to trust it by."""

    plugins = (_PLUGIN,)

    def __init__(self, directory: Path, version: str) -> None:
        """Describe a node; nothing is started yet. Raises EmbeddedError for a version without the plugin."""
        if version not in SECURED:
            raise EmbeddedError(
                f"OpenSearch {version} cannot be had with security; {', '.join(SECURED)} can."
            )
        configuration = directory.resolve() / "config"
        (configuration / _FOLDER).mkdir(parents=True, exist_ok=True)
        node, admin = _make_certificates(configuration)
        _write_configuration(configuration / _FOLDER)
        settings = {
            f"plugins.security.ssl.{layer}.{name}_filepath": file
            for layer in ("transport", "http")
            for name, file in _TLS.items()
        } | {
            "plugins.security.ssl.http.enabled": True,
            "plugins.security.ssl.transport.enforce_hostname_verification": False,
            "plugins.security.allow_default_init_securityindex": True,
            "plugins.security.authcz.admin_dn": [admin],
            "plugins.security.nodes_dn": [node],
            "plugins.security.restapi.roles_enabled": ["all_access", "security_rest_api_access"],
        }
        super().__init__(directory, version, settings=settings, heap="768m")
        self.ca_bundle = configuration / "ca.pem"
        self._tls = ssl.create_default_context(cafile=str(self.ca_bundle))

    @property
    def url(self) -> str:
        """The address of the node, without a slash at the end."""
        return f"https://{loopback.HOST}:{self.port}"

    def request(
        self, method: str, path: str, body: object = None, *, user: User | None = ADMIN
    ) -> tuple[int, Any]:
        """Send one request as a user, or as nobody; return the status and the decoded reply.

        The body is sent as JSON, bytes as they are. Raises OSError or http.client.HTTPException when
        the node does not answer.
        """
        return loopback.request(self.port, method, path, body, headers=_basic(user), tls=self._tls)

    def _class_path(self) -> str:
        runner = class_path(self.release, announce)
        return ":".join([runner, *map(str, _plugin_jars(self.release, runner.split(":")))])


def _basic(user: User | None) -> dict[str, str]:
    if user is None:
        return {}
    return {"Authorization": f"Basic {base64.b64encode(':'.join(user).encode()).decode()}"}


def _plugin_jars(release: Release, present: Sequence[str]) -> list[Path]:
    """Return the plugin's jars, save those that the runner has: one version of each on the class path."""
    version = release.artifact_version
    folder = Path(default_maven_repo(), "org/opensearch/plugin/opensearch-security", version)
    names = {_VERSION_OF_JAR.sub("", Path(each).name) for each in present}

    def download() -> list[Path]:
        maven = MavenContext()
        plugin = maven.project("org.opensearch.plugin", "opensearch-security").at_version(version)
        group, artifact, its_version = _COLLECTIONS
        collections = maven.project(group, artifact).at_version(its_version).artifact()
        with zipfile.ZipFile(fetch_jar(plugin.artifact(packaging="zip"))) as archive:
            wanted = [
                each
                for each in archive.namelist()
                if each.endswith(".jar") and "/" not in each and _VERSION_OF_JAR.sub("", each) not in names
            ]
            archive.extractall(folder / "flowlogs-jars", wanted)
        return [*(folder / "flowlogs-jars" / each for each in wanted), fetch_jar(collections)]

    what = f"the security plugin of OpenSearch {release.version}"
    return keep_jars(folder / "flowlogs-class-path.txt", download, what, _MEGABYTES, announce=announce)


def _make_certificates(folder: Path) -> tuple[str, str]:
    """Write the certificates of an authority and a node; return the names of the node and of the operator."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    node = authority.issue_cert(loopback.HOST, "localhost", common_name="node")
    key = load_pem_private_key(node.private_key_pem.bytes(), None)
    pkcs8 = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # all that Java reads
    (folder / "node-key.pem").write_bytes(pkcs8)
    chain = [each.bytes() for each in node.cert_chain_pems]
    (folder / "node.pem").write_bytes(b"".join(chain))
    return x509.load_pem_x509_certificate(chain[0]).subject.rfc4514_string(), "CN=operator"


def _write_configuration(folder: Path) -> None:
    """Write what the plugin fills its index from at the first start."""
    name, password = ADMIN
    digest = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()  # quick: no secret is behind it
    files: dict[str, tuple[str, dict[str, Any]]] = {
        "config": ("config", {"config": _CONFIGURATION}),
        "internal_users": ("internalusers", {name: {"hash": digest, "backend_roles": ["admin"]}}),
        "roles_mapping": ("rolesmapping", {"all_access": {"backend_roles": ["admin"]}}),
        "roles": ("roles", {}),
        "action_groups": ("actiongroups", {}),
        "tenants": ("tenants", {}),
        "nodes_dn": ("nodesdn", {}),
        "allowlist": ("allowlist", {"config": {"enabled": False, "requests": {}}}),
        "audit": ("audit", {"config": {"enabled": False}}),
    }
    for file, (kind, content) in files.items():
        text = json.dumps({"_meta": {"type": kind, "config_version": 2}, **content})  # JSON is YAML
        (folder / f"{file}.yml").write_text(text, encoding="utf-8")
