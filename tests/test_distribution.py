"""A whole run is shared out among workers: each node is one worker's, and the longest groups begin first."""

from dataclasses import dataclass, field

import pytest

import distribution
from distribution import count_workers, find_group


@dataclass
class Config:
    """What pytest tells of its command line."""

    args_source: pytest.Config.ArgsSource = pytest.Config.ArgsSource.TESTPATHS
    options: dict[str, object] = field(default_factory=dict)

    def getoption(self, name: str) -> object:
        return self.options.get(name, "")


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("tests/parser/test_record.py::test_a", "tests/parser/test_record.py"),
        ("tests/faults/test_cluster.py::test_a[3.8.0-closed index]", "tests/faults/test_cluster.py"),
        ("tests/faults/test_cluster.py::test_a[2.19.1-closed index]", "2.19.1"),
        ("tests/opensearch/test_template.py::test_a[2.19.1]", "2.19.1"),
        ("tests/opensearch/test_template.py::test_a[each field-1.3.13]", "1.3.13"),
        ("tests/security/test_writer.py::test_a[2.19.1-a new day]", "secured 2.19.1"),
        ("tests/security/test_reader.py::test_a[3.4.0]", "secured 3.4.0"),
        ("tests/security/test_documented.py::test_a[ForwardRole]", "tests/security/test_documented.py"),
        ("tests/handler/test_config.py::test_a[12.19.1]", "tests/handler/test_config.py"),
    ],
)
def test_what_uses_a_node_of_its_own_stays_together_and_else_a_file(nodeid: str, group: str) -> None:
    assert find_group(nodeid) == group


@pytest.mark.parametrize(
    ("processors", "workers"), [(1, 0), (2, 3), (4, 4), (64, 4)], ids=["one", "two", "four", "many"]
)
def test_a_whole_run_has_a_worker_more_than_processors(
    monkeypatch: pytest.MonkeyPatch, processors: int, workers: int
) -> None:
    monkeypatch.setattr(distribution, "count_processors", lambda: processors)

    assert count_workers(Config()) == workers


@pytest.mark.parametrize(
    "config",
    [
        Config(args_source=pytest.Config.ArgsSource.ARGS),
        Config(options={"keyword": "name"}),
        Config(options={"markexpr": "dear"}),
        Config(options={"lf": True}),
    ],
    ids=["files", "-k", "-m", "--lf"],
)
def test_what_is_chosen_by_hand_runs_in_one_process(monkeypatch: pytest.MonkeyPatch, config: Config) -> None:
    monkeypatch.setattr(distribution, "count_processors", lambda: 2)

    assert count_workers(config) == 0
