"""A real browser without a screen: Debian's Chromium, driven by selenium."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

PHONE = (390, 844)
DESK = (1280, 900)

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)


def missing() -> str:
    """Return why there is no browser here; "" when there is one."""
    wanted = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    if not wanted:
        return ""
    return (
        f"no {' and no '.join(wanted)} here; on Debian: "
        "apt-get install chromium chromium-driver"
    )


class Browser:
    """One window."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def resize(self, width: int, height: int) -> None:
        """Show the page as a screen of this size does."""
        metrics: dict[str, object] = {
            "width": width,
            "height": height,
            "deviceScaleFactor": 1,
            "mobile": width < 600,
        }
        self._command("Emulation.setDeviceMetricsOverride", metrics)

    def colours(self, scheme: str) -> None:
        """Prefer "light" or "dark"."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self._command("Emulation.setEmulatedMedia", {"features": [feature]})

    def _command(self, name: str, arguments: dict[str, object]) -> None:
        self.driver.execute_cdp_cmd(name, arguments)

    def open(self, url: str) -> None:
        """Go there; what was complained of before is forgotten."""
        self.driver.get(url)

    def run(self, script: str, *arguments: object) -> object:
        """Run JavaScript in the page; return what it returns."""
        found: object = self.driver.execute_script(script, *arguments)
        return found

    def text(self, selector: str) -> str:
        """Return what can be read of the first element that fits."""
        script = "return document.querySelector(arguments[0])?.innerText ?? ''"
        return str(self.run(script, selector))

    def complaints(self) -> list[str]:
        """Return all errors and warnings of the console since the last call."""
        get_log: Callable[[str], list[dict[str, str]]] = self.driver.get_log
        return [entry["message"] for entry in get_log("browser")]

    def picture(self, path: Path) -> None:
        self.driver.save_screenshot(str(path))


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Start one with a fresh profile in a folder."""
    options = Options()
    for flag in _FLAGS:
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={folder / 'profile'}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, Service("/usr/bin/chromedriver"))
    try:
        made = Browser(driver)
        made.resize(*DESK)
        yield made
    finally:
        driver.quit()
