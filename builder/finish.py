"""The last step of a build: leave out what Lambda never runs, compile the rest, say how large it is.

Compiling needs an interpreter of the same minor version as the function's, or Lambda would not use the
compiled files. Without it the artifact is left uncompiled: it works the same, and starts slower.
"""

import compileall
import py_compile
import shutil
import sys
import zipfile
from io import BytesIO
from pathlib import Path

# Where Lambda puts the artifact: tracebacks then show the paths that exist there.
TASK_ROOT = "/var/task"

# Of Powertools, only the logger and the metrics are used: these parts are half of its 2 MB, zipped.
UNUSED_PARTS = (
    "aws_lambda_powertools/event_handler",
    "aws_lambda_powertools/utilities/auth_alpha",
    "aws_lambda_powertools/utilities/batch",
    "aws_lambda_powertools/utilities/circuit_breaker",
    "aws_lambda_powertools/utilities/data_classes",
    "aws_lambda_powertools/utilities/data_masking",
    "aws_lambda_powertools/utilities/feature_flags",
    "aws_lambda_powertools/utilities/idempotency",
    "aws_lambda_powertools/utilities/kafka",
    "aws_lambda_powertools/utilities/parameters",
    "aws_lambda_powertools/utilities/parser",
    "aws_lambda_powertools/utilities/streaming",
    "aws_lambda_powertools/utilities/validation",
)

# The asynchronous client: opensearch-py goes without it, as it does where aiohttp is not installed. The
# asynchronous helpers stay, for its other helpers import them.
UNUSED_CLIENT = ("opensearchpy/_async/client", "opensearchpy/_async/plugins")

# Tests and type stubs of the libraries, command line scripts, and what installing leaves behind.
# METADATA and licences stay: scanners such as Amazon Inspector read them to know the packages.
NEVER_RUN = (
    *UNUSED_PARTS,
    *UNUSED_CLIENT,
    ".lock",
    "bin",
    "**/__pycache__",
    "**/tests",
    "**/test",
    "**/*.pyi",
    "**/*.c",
    "**/*.h",
    "*.dist-info/RECORD",
    "*.dist-info/WHEEL",
    "*.dist-info/INSTALLER",
    "*.dist-info/REQUESTED",
    "*.dist-info/entry_points.txt",
    "*.dist-info/top_level.txt",
    "*.dist-info/direct_url.json",
)

# Lambda brings these: boto3 is imported from the runtime. grpc is never imported, and 25 MB.
NOT_WANTED = ("boto3", "botocore", "s3transfer", "grpc", "opensearch_protobufs")


def remove_what_never_runs(artifact: Path) -> None:
    """Delete the files and folders of the libraries that Lambda never imports."""
    for pattern in NEVER_RUN:
        for path in sorted(artifact.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def compile_all(artifact: Path) -> None:
    """Compile every module once, here, and not at every cold start.

    The compiled files must not be checked against their sources: packaging sets every time stamp to 1980,
    and the artifact is read-only in Lambda, so that checked ones would be compiled anew each time.
    Raises SystemExit when a module cannot be compiled.
    """
    compiled = compileall.compile_dir(
        artifact,
        quiet=1,
        stripdir=str(artifact),
        prependdir=TASK_ROOT,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if not compiled:
        raise SystemExit("a module of the artifact cannot be compiled, see above")


def sizes(artifact: Path) -> tuple[int, int]:
    """Return the size of the artifact in bytes: of its files, and as the zip that Lambda is given."""
    files = [path for path in artifact.rglob("*") if path.is_file()]
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in files:
            zipped.write(path, path.relative_to(artifact))
    return sum(path.stat().st_size for path in files), archive.tell()


def main() -> None:
    """Finish the artifact: its folder is the first argument, the function's Python version the second."""
    artifact, wanted = Path(sys.argv[1]).resolve(), sys.argv[2]
    unwanted = [name for name in NOT_WANTED if (artifact / name).exists()]
    if unwanted:
        raise SystemExit(f"{', '.join(unwanted)} must not be packaged: look at requirements/lambda.txt")
    remove_what_never_runs(artifact)
    if ".".join(map(str, sys.version_info[:2])) == wanted:
        compile_all(artifact)
    else:
        print(f"Not compiled, so that each cold start takes longer: Python {wanted} cannot be had here.")
    unzipped, zipped = sizes(artifact)
    print(f"Artifact for Python {wanted}: {zipped / 1e6:.1f} MB zipped, {unzipped / 1e6:.1f} MB unzipped")


if __name__ == "__main__":
    main()
