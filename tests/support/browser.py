"""A real browser without a window: Chromium over its debugging pipe, with what it complains of.

The pipe carries JSON messages that end with a zero byte; no further library is needed.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# Chromium reads from descriptor 3 and writes to 4; either may be in use by the other pipe.
_CONNECT = """
import os, sys
for old, new in ((int(sys.argv[1]), 100), (int(sys.argv[2]), 101), (100, 3), (101, 4)):
    os.dup2(old, new)
os.execv(sys.argv[3], sys.argv[3:])
"""
LOUD = {"error", "warning", "assert"}


def find_browser() -> str | None:
    """Return the path of a Chromium of this machine: of CHROMIUM in the environment, or on PATH."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """A running Chromium with one page."""

    def __init__(self, path: str, profile: Path) -> None:
        """Start it; `profile` is an empty folder of its own."""
        hear, tell = os.pipe(), os.pipe()
        options = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            f"--user-data-dir={profile}",
            "--remote-debugging-pipe",
            "about:blank",
        ]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CONNECT, str(tell[0]), str(hear[1]), path, *options],
            pass_fds=(tell[0], hear[1]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(tell[0])
        os.close(hear[1])
        self._tell, self._hear = tell[1], hear[0]
        self._waiting = b""
        self._events: deque[dict[str, Any]] = deque()
        self._number = 0
        self._session = ""
        try:
            self._attach()
        except BaseException:
            self._end()
            raise

    def _attach(self) -> None:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._tell)
        os.close(self._hear)

    def call(self, method: str, **params: Any) -> Any:
        """Send a command and wait for its answer; what happens meanwhile is kept."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._tell, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer)
                return answer["result"]
            self._events.append(answer)

    def open(self, url: str, *, width: int = 1280, height: int = 900, scheme: str = "light") -> None:
        """Load a page in a window of that size, preferring `light` or `dark`."""
        self._events.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Page.navigate", url=url)
        while not any(event.get("method") == "Page.loadEventFired" for event in self._events):
            self._events.append(self._receive())

    def evaluate(self, script: str) -> Any:
        """Return the value of a JavaScript expression."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def complaints(self) -> list[str]:
        """Return what the page has thrown, logged as an error or a warning, or was forbidden."""
        self.evaluate("0")  # what came before it has been told by then
        found = []
        for event in self._events:
            match event:
                case {"method": "Runtime.exceptionThrown", "params": params}:
                    found.append(json.dumps(params["exceptionDetails"]))
                case {"method": "Runtime.consoleAPICalled", "params": params} if params["type"] in LOUD:
                    found.append(json.dumps(params["args"]))
                case {"method": "Log.entryAdded", "params": {"entry": entry}} if entry["level"] in LOUD:
                    found.append(entry["text"])
        return found

    def requested(self) -> list[str]:
        """Return the addresses that the page has asked for, itself included."""
        return [
            event["params"]["request"]["url"]
            for event in self._events
            if event.get("method") == "Network.requestWillBeSent"
        ]

    def screenshot(self, *, whole: bool = True) -> bytes:
        """Return a PNG of the page, or of what is seen at first."""
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(found["data"])

    def _receive(self) -> Any:
        while b"\0" not in self._waiting:
            part = os.read(self._hear, 1 << 16)
            assert part, "the browser has ended"
            self._waiting += part
        message, _, self._waiting = self._waiting.partition(b"\0")
        return json.loads(message)
