"""A headless Chromium driven over its remote debugging protocol: open a page from disk, run scripts, press the mouse."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--remote-debugging-port=0", "--remote-allow-origins=*",
)  # fmt: skip
PATIENCE_S = 30.0


def find_browser() -> str | None:
    """Path of a browser, None when there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One browser process with one page. Use as a context manager. ``errors``: what the page complained of."""

    def __init__(self, profile: Path, width: int = 1280, height: int = 900) -> None:
        import websocket

        executable = find_browser()
        assert executable is not None
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._number = 0
        self._process = subprocess.Popen(
            [executable, *FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        port = self._port(profile / "DevToolsActivePort")
        self._socket = websocket.create_connection(self._page(port), timeout=PATIENCE_S)
        for domain in ("Runtime", "Page", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Network.setCacheDisabled", cacheDisabled=True)
        self.call("Performance.enable", timeDomain="threadTicks")
        self.resize(width, height)

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait(timeout=PATIENCE_S)

    def resize(self, width: int, height: int) -> None:
        """Size of the page in pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def open(self, path: Path) -> float:
        """Open a file and wait until its scripts say that they are done; returns the CPU seconds that its thread took."""
        self.call("Page.navigate", url="about:blank")
        begin = self._thread_s()
        self.call("Page.navigate", url=path.resolve().as_uri())
        self.wait("document.body && document.body.dataset.drawn === 'yes'")
        end = self._thread_s()
        return end - begin if end > begin else end  # another process begins at 0

    def _thread_s(self) -> float:
        """Processor time of the page's main thread so far: other work on the machine does not count."""
        found = {one["name"]: one["value"] for one in self.call("Performance.getMetrics")["metrics"]}
        return float(found["TaskDuration"])

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, f"{expression}: {found['exceptionDetails']}"
        return found["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until a JavaScript expression is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.evaluate(f"Boolean({condition})"):
            assert time.monotonic() < deadline, f"never came true: {condition}; the page said {self.errors}"
            time.sleep(0.02)

    def drag(self, begin: tuple[float, float], end: tuple[float, float]) -> None:
        """Press the mouse at a point of the window and let go at another."""
        middle = ((begin[0] + end[0]) / 2, (begin[1] + end[1]) / 2)
        self._mouse("mouseMoved", begin, 0)
        self._mouse("mousePressed", begin, 1)
        self._mouse("mouseMoved", middle, 1)
        self._mouse("mouseMoved", end, 1)
        self._mouse("mouseReleased", end, 0)

    def screenshot(self, path: Path, selector: str = "body") -> None:
        """What ``selector`` finds, all of it, as PNG."""
        box = self.evaluate(
            f"(() => {{ const box = document.querySelector('{selector}').getBoundingClientRect();"
            "return {x: box.x + scrollX, y: box.y + scrollY, width: box.width, height: box.height, scale: 1}; })()"
        )
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=box)["data"]
        path.write_bytes(base64.b64decode(data))

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol; what happened meanwhile is noted."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == self._number:
                assert "error" not in message, f"{method}: {message['error']}"
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        what, detail = message.get("method"), message.get("params", {})
        if what == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(detail["exceptionDetails"])[:600])
        elif what == "Runtime.consoleAPICalled" and detail["type"] in ("error", "assert"):
            self.errors.append(json.dumps(detail["args"])[:600])
        elif what == "Log.entryAdded" and detail["entry"]["level"] == "error":
            self.errors.append(detail["entry"]["text"])
        elif what == "Network.requestWillBeSent":
            self.requests.append(detail["request"]["url"])

    def _mouse(self, kind: str, point: tuple[float, float], buttons: int) -> None:
        self.call(
            "Input.dispatchMouseEvent", type=kind, x=point[0], y=point[1], button="left" if kind != "mouseMoved" else "none",
            buttons=buttons, clickCount=1,
        )  # fmt: skip

    def _port(self, path: Path) -> int:
        deadline = time.monotonic() + PATIENCE_S
        while not path.exists() or not path.read_text().strip():
            assert time.monotonic() < deadline and self._process.poll() is None, "the browser does not start"
            time.sleep(0.05)
        return int(path.read_text().split()[0])

    def _page(self, port: int) -> str:
        from urllib.request import urlopen

        pages = json.load(urlopen(f"http://127.0.0.1:{port}/json/list", timeout=PATIENCE_S))
        return next(str(one["webSocketDebuggerUrl"]) for one in pages if one["type"] == "page")
