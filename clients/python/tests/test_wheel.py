"""The wheel in the hands of a stranger: a new environment, the README's lines, a restart without a network, a revocation;
and a one-file program that PyInstaller makes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from local_stack import ROOT, LocalStack, Relay

WHEELS = Path(os.environ.get("FALCONER_TEST_WHEELS", ROOT / "target/clients"))
SERVER = "https://licenses.example.com"

PROMPT = """
import os, sys
with open("falconer-keys.json", encoding="utf-8") as file:
    KEYS_JSON = file.read()
def ask_the_user():
    key = os.environ.get("TEST_KEY")
    if key is None:
        sys.exit("asked")
    return key, "Anna Example", "anna@example.com"
def start_copy_trading():
    print("copying trades")
"""
"""What the README leaves to the application."""


@pytest.fixture(scope="module")
def wheel() -> Path:
    wheels = sorted(WHEELS.glob("falconer_licensing-*.whl"))
    assert len(wheels) == 1, f"{WHEELS} has {len(wheels)} wheels: run `cargo xtask clients python`"
    return wheels[0]


@pytest.fixture(scope="module")
def stranger(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python of a new environment with nothing but the wheel."""
    folder = tmp_path_factory.mktemp("stranger")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv/bin/python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", str(wheel)]
    subprocess.run(pip, check=True)
    return python


def lines_of(document: str) -> str:
    """The first Python of a document."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return text.split("```python\n", 1)[1].split("```", 1)[0]


class Shell:
    """The stranger's shell."""

    def __init__(self, python: Path, folder: Path, stack: LocalStack) -> None:
        self._python = python
        self._folder = folder
        (folder / "falconer-keys.json").write_text(stack.keys)

    def run(self, program: str, key: str | None) -> subprocess.CompletedProcess[str]:
        """Runs a program, at home in the folder."""
        path = self._folder / "program.py"
        path.write_text(program, encoding="utf-8")
        return self.start([str(self._python), "-I", str(path)], key)

    def start(self, command: list[str], key: str | None) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self._folder)}
        if key is not None:
            environment["TEST_KEY"] = key
        return subprocess.run(
            command,
            cwd=self._folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.mark.parametrize("document", ["README.md", "clients/python/README.md", "docs/integrating.md"])
def test_stranger_follows_the_document(
    stranger: Path, tmp_path: Path, stack: LocalStack, relay: Relay, document: str
) -> None:
    shell, key = Shell(stranger, tmp_path, stack), stack.issue()
    lines = lines_of(document)
    assert SERVER in lines
    program = PROMPT + lines.replace(SERVER, relay.url)

    first = shell.run(program, key)
    assert (first.returncode, "copying trades" in first.stdout) == (0, True), first.stdout + first.stderr
    assert key not in first.stdout + first.stderr

    forward = relay.behave
    relay.behave = lambda _path, _body: None
    offline = shell.run(program, None)
    assert (offline.returncode, "copying trades" in offline.stdout) == (0, True), offline.stderr

    relay.behave = forward
    stack.revoke(key)
    check = lines.split("licensing.start_refresher()")[0] + "print(licensing.refresh().name, licensing.unlocked)\n"
    checked = shell.run(PROMPT + check.replace(SERVER, relay.url), None)
    assert checked.stdout.split() == ["LOCKED", "False"], checked.stderr
    relay.behave = lambda _path, _body: None
    locked = shell.run(program, None)
    assert locked.stderr.strip().endswith("asked")
    assert "copying trades" not in locked.stdout


def test_rust_lines_of_the_readme_run(tmp_path: Path, stack: LocalStack, relay: Relay) -> None:
    """The same lines in Rust, as a program that `cargo` builds from its example."""
    example = (ROOT / "clients/rust/examples/twenty_lines.rs").read_text(encoding="utf-8")
    shown = (ROOT / "README.md").read_text(encoding="utf-8").split("```rust\n", 1)[1].split("```", 1)[0]
    assert "".join(shown.replace(f'"{SERVER}"', "server").split()) in "".join(example.split())
    examples = Path(os.environ.get("FALCONER_TEST_EXAMPLES", ROOT / "target/debug/examples"))
    shell, key = Shell(Path(), tmp_path, stack), stack.issue()
    program = [str(examples / "twenty_lines"), relay.url, "falconer-keys.json"]
    assert shell.start([*program, key], None).stdout == "copying trades\n"
    relay.behave = lambda _path, _body: None
    assert shell.start(program, None).stdout == "copying trades\n"


def test_wheel_is_one_for_all_pythons_and_holds_no_test_module(wheel: Path, stranger: Path) -> None:
    assert "-cp39-abi3-" in wheel.name
    assert "manylinux_2_17_x86_64" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    for needed in (
        "falconer_licensing/py.typed",
        "falconer_licensing/_native.pyi",
        "falconer_licensing/tk.py",
    ):
        assert needed in names
    assert any(name.endswith("licenses/LICENSE-MIT") for name in names)
    assert not any("/tests/" in name for name in names)
    show = "import json, falconer_licensing._native as n; print(json.dumps(dir(n)))"
    shown = subprocess.run([stranger, "-I", "-c", show], capture_output=True, text=True, check=True)
    assert "open" in json.loads(shown.stdout)
    assert "_testing" not in json.loads(shown.stdout)


ONE_FILE = """
import sys
from falconer_licensing import FalconerError, Licensing, State
licensing = Licensing("QF", sys.argv[1], keys=sys.argv[2], app_id="com.example.onefile")
if len(sys.argv) > 3:
    licensing.activate(sys.argv[3])
else:
    try:
        licensing.refresh()
    except FalconerError as error:
        print(error)
print(licensing.state.name, licensing.has_feature("copy_trading"))
licensing.close()
"""


def test_one_file_program_activates_and_restarts(wheel: Path, tmp_path: Path, stack: LocalStack, relay: Relay) -> None:
    """PyInstaller packs the wheel that is installed beside it."""
    del wheel
    (tmp_path / "application.py").write_text(ONE_FILE)
    command = [sys.executable, "-m", "PyInstaller", "--onefile", "--log-level", "WARN", "application.py"]
    packed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=400, check=False)
    assert packed.returncode == 0, packed.stderr
    shell, program = Shell(Path(), tmp_path, stack), str(tmp_path / "dist/application")
    # A program of its own: the Python that packed it is not on its path.
    first = shell.start([program, relay.url, stack.keys, stack.issue()], None)
    assert first.stdout.split() == ["ACTIVE", "True"], first.stderr
    relay.behave = lambda _path, _body: None
    second = shell.start([program, relay.url, stack.keys], None)
    assert second.stdout.splitlines()[-1].split() == ["ACTIVE", "True"], second.stderr
