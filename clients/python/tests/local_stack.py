"""A stack that `cargo xtask dev` or `cargo xtask clients` has started, and a relay in front of it that can misbehave."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, Optional

ROOT = Path(__file__).resolve().parents[3]


class LocalStack:
    """Functions, tables and the operator's command line."""

    def __init__(self, environment: Path) -> None:
        lines = [shlex.split(line) for line in environment.read_text().splitlines()]
        self.environment = dict(word.split("=", 1) for _, word in lines)
        self.url = self.environment["FALCONER_URL"]
        self.program = os.environ.get("FALCONER_TEST_PROGRAM", str(ROOT / "target/debug/falconer"))
        with urllib.request.urlopen(f"{self.url}/api/keys", timeout=30) as answer:
            self.keys: str = answer.read().decode()

    def falconer(self, *arguments: str) -> str:
        """Runs the operator's command line."""
        environment = {**self.environment, "PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
        command = [self.program, *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def issue(self, *options: str) -> str:
        """Issues a license and returns its key."""
        term = () if "--perpetual" in options else ("--days", "30")
        printed = self.falconer("issue", "--json", "--tier", "pro", *term, *options)
        key: str = json.loads(printed)["licenseKey"]
        return key

    def revoke(self, key: str) -> None:
        """Revokes a license."""
        self.falconer("revoke", key, "--yes", "--reason", "test")


@dataclass(frozen=True)
class Answer:
    """An answer of HTTP."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


Behaviour = Callable[[str, Optional[bytes]], Optional[Answer]]


class Relay:
    """A server that hands requests on, until a test tells it another behaviour. `None` closes without an answer."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack
        self.behave: Behaviour = self.forward
        self.requests: list[tuple[str, bytes | None, Answer | None]] = []
        relay = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                length = int(self.headers.get("content-length", 0))
                body = self.rfile.read(length) if self.command == "POST" else None
                answer = relay.behave(self.path, body)
                relay.requests.append((self.path, body, answer))
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            do_GET = do_POST = _answer  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def forward(self, path: str, body: bytes | None) -> Answer:
        """Asks the stack."""
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self._stack.url + path, data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Answer(answer.status, answer.read())
        except urllib.error.HTTPError as error:
            retry = error.headers.get("retry-after")
            return Answer(error.code, error.read(), {} if retry is None else {"retry-after": retry})

    def always(self, status: int, body: bytes, **headers: str) -> None:
        """Gives this answer to everything."""
        self.behave = lambda _path, _body: Answer(status, body, headers)

    def cut(self) -> None:
        """Stops listening: a connection is refused from now on."""
        self._server.shutdown()
        self._server.server_close()
