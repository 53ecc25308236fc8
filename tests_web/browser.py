"""Headless Chromium, driven through chromedriver with nothing but the standard library."""

import base64
import contextlib
import functools
import http.server
import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
BINARIES = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")


def what_is_missing():
    """The program that is not installed, or an empty string."""
    if not shutil.which("chromedriver"):
        return "chromedriver"
    return "" if _chromium() else "Chromium"


def _chromium():
    return next(filter(None, map(shutil.which, BINARIES)), None)


class Browser:
    """One window. Made by `browser`."""

    def __init__(self, address):
        self._address = address
        self._session = ""

    def start(self, user_data_dir):
        arguments = [*FLAGS, f"--user-data-dir={user_data_dir}"]
        capabilities = {
            "goog:chromeOptions": {"binary": _chromium(), "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        answer = self._ask("POST", "", {"capabilities": {"alwaysMatch": capabilities}})
        self._session = f"/{answer['sessionId']}"

    def stop(self):
        self._ask("DELETE", "")

    def open(self, url):
        self._ask("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """Runs the body of a JavaScript function; gives what it returns."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait_for(self, script, seconds=15):
        """Waits until an expression is true."""
        end = time.monotonic() + seconds
        while not self.run(f"return Boolean({script})"):
            if time.monotonic() > end:
                text = self.run("return document.body.innerText")
                raise TimeoutError(f"{script} is not true after {seconds} seconds. Page:\n{text}")
            time.sleep(0.05)

    def find(self, selector):
        found = self._ask("POST", "/element", {"using": "css selector", "value": selector})
        return next(iter(found.values()))

    def click(self, selector):
        self._ask("POST", f"/element/{self.find(selector)}/click", {})

    def type(self, selector, text):
        """Replaces the text of a field, key by key."""
        element = self.find(selector)
        self._ask("POST", f"/element/{element}/clear", {})
        self._ask("POST", f"/element/{element}/value", {"text": text})

    def press(self, keys):
        """Presses keys on whatever has the focus."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        keyboard = {"type": "key", "id": "keyboard", "actions": actions}
        self._ask("POST", "/actions", {"actions": [keyboard]})

    def console_errors(self):
        """What the console has told since the last call, errors only."""
        lines = self._ask("POST", "/se/log", {"type": "browser"})
        return [line["message"] for line in lines if line["level"] == "SEVERE"]

    def emulate(self, *, width, height=900, scheme="light"):
        """A screen of another size, in light or dark mode."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._devtools("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._devtools("Emulation.setEmulatedMedia", {"features": features})

    def screenshot(self, path):
        """Writes the whole page as .png."""
        options = {"captureBeyondViewport": True}
        picture = self._devtools("Page.captureScreenshot", options)["data"]
        path.write_bytes(base64.b64decode(picture))

    def _devtools(self, command, parameters):
        return self._ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def _ask(self, method, path, body=None):
        request = urllib.request.Request(
            f"{self._address}/session{self._session}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None


@contextlib.contextmanager
def browser(folder):
    """A browser whose files lie in `folder`."""
    port = _free_port()
    driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL)
    window = Browser(f"http://127.0.0.1:{port}")
    try:
        _wait_for_port(port)
        window.start(folder)
        try:
            yield window
        finally:
            window.stop()  # else the browser would outlive its driver
    finally:
        driver.terminate()
        driver.wait()


@contextlib.contextmanager
def served(folder):
    """The address of a folder, served as `python -m http.server` does."""
    handler = functools.partial(_Quiet, directory=folder)
    with _Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """A page that is left cuts its connections."""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for_port(port, seconds=20):
    end = time.monotonic() + seconds
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
