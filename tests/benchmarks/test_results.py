"""What the pages say of speed is what the last run of the benchmark found."""

import json
from pathlib import Path


def test_readme_tells_the_ratios_of_the_last_run(project: Path) -> None:
    times = json.loads((project / "benchmarks" / "results.json").read_text())["times ours"]
    readme = " ".join((project / "README.md").read_text(encoding="utf-8").split())

    console, helpers = (times[name] for name in ("console's function (Node)", "helpers.bulk"))
    assert (
        f"it takes {console:.1f} times less processor time than that function, and {helpers:.1f} times less "
        "than opensearch-py's `helpers.bulk`"
    ) in readme


def test_results_tell_what_they_were_measured_on(project: Path) -> None:
    results = (project / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")

    for said in (
        ", commit ",
        " cores, ",
        "- Python ",
        "profile-guided optimization",
        "- Node v",
        "; OpenSearch 3.",
    ):
        assert said in results, said
