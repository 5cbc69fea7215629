"""T27, T13: nothing runs that is not pinned and read; no page loads anything from elsewhere; no text becomes code."""

from __future__ import annotations

import re
import sysconfig
from pathlib import Path

from packaging.requirements import Requirement

from tests.architecture.tree import ROOT

SITE_PACKAGES = Path(sysconfig.get_paths()["purelib"])
# What pip and setuptools put there themselves; each is read below.
KNOWN_PATH_FILES = {"distutils-precedence.pth", "a1_coverage.pth", "_virtualenv.pth"}


def test_no_package_runs_code_at_every_start_of_python():
    """A .pth file with a line of code is executed by every Python in the environment, imported or not."""
    running = {
        path.name
        for path in SITE_PACKAGES.glob("*.pth")
        if any(line.startswith(("import ", "import\t")) for line in path.read_text().splitlines())
    }

    assert running <= KNOWN_PATH_FILES
    assert not (SITE_PACKAGES / "sitecustomize.py").exists() and not (SITE_PACKAGES / "usercustomize.py").exists()


def test_what_is_installed_is_what_was_pinned():
    from importlib.metadata import distributions

    pins = _pins_here("requirements-dev.lock") | _pins_here("requirements.lock")

    installed = {re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower(): one.version for one in distributions()}
    other = {
        name: (version, installed[name])
        for name, version in pins.items()
        if name in installed and installed[name] != version
    }

    assert other == {}


def _pins_here(lock: str) -> dict[str, str]:
    """Name -> version of what this Python takes: one package may be pinned once for each."""
    found = re.findall(r"^([a-z0-9._-]+==[^\\\n]+)", (ROOT / lock).read_text(), re.MULTILINE)
    pinned = [Requirement(line) for line in found]
    return {
        one.name: str(one.specifier).removeprefix("==") for one in pinned if one.marker is None or one.marker.evaluate()
    }


def test_no_page_script_or_style_is_loaded_from_elsewhere():
    elsewhere = re.compile(r"""(?:src|href|action|@import|url\()\s*=?\s*["'(]*(?:https?:)?//(?!www\.w3\.org)""")
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()[:80]}"
        for folder in ("templates", "static/js", "static/css")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".html", ".js", ".css")
        for line in path.read_text().splitlines()
        if elsewhere.search(line) and not re.search(r"<a\b", line)
    ]

    assert found == []


def test_only_four_files_make_connections_and_each_asks_the_guard():
    """T4: whatever asks anybody anything goes through one of four files, and each asks the guard."""
    makers = re.compile(
        r"httpx\.(?:Client|AsyncClient|HTTPTransport|get|post|request|stream)\(|aiohttp\.(?:ClientSession|TCPConnector)\("
        r"|urlopen\(|http\.client|smtplib\.SMTP|create_connection\(|open_connection\("
    )
    found = {
        str(path.relative_to(ROOT))
        for folder in ("routerapp", "dashboard")
        for path in (ROOT / folder).rglob("*.py")
        if makers.search(path.read_text())
    }
    outgoing = {f"routerapp/providers/{name}.py" for name in ("control", "outgoing/dialer", "mail")}
    # The watched call of a provider test, inside the guarded transport.
    outgoing.add("routerapp/providers/trial.py")

    assert outgoing <= found
    # These ask only the product itself, on its own port.
    local = {path for path in found - outgoing if path.startswith("routerapp/management/")}
    assert found - outgoing - local == set()
    assert all("guard" in (ROOT / path).read_text().lower() for path in outgoing)
