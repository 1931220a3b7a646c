"""One contender in a process of its own: `python -m benchmarks.worker NAME URL FILE FIELDS`.

FILE holds events by a name, of their size. For each line `run SIZE N` on standard input it handles all events
of that size N times, and says in a line of JSON what that took. What a contender prints is thrown away.
"""

import importlib
import json
import os
import re
import sys
import time
from pathlib import Path


def main() -> None:
    """Serve until standard input is closed."""
    name, url, file, fields = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    contender = importlib.import_module(f"benchmarks.contenders.{name}")
    handle = contender.prepare(url, tuple(fields.split()))
    events = json.loads(Path(file).read_bytes())
    if hasattr(contender, "bundle"):
        events = {size: contender.bundle(some, size) for size, some in events.items()}
    for line in sys.stdin:
        _, size, passes = line.split()
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(int(passes)):
            for event in events[size]:
                handle(event)
        used = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
        answers.write(json.dumps({**used, "peak_kb": read_peak_kb()}) + "\n")


def read_peak_kb() -> int:
    """Return the peak of this process's resident memory; 0 where the system does not tell (Linux does)."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
    return int(found[1]) if found else 0


if __name__ == "__main__":
    main()
