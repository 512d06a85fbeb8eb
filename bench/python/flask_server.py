"""The Flask server of the seed document, with its database, as the bench measures it.

    flask_server.py database --seed FILE --folder F --port P --licenses N
    flask_server.py serve --seed FILE --folder F --database-url URL --master M --port P --mode as-written|pooled

Server and schema are taken out of FILE at run time; nothing of them is here. Each subcommand prints one line of JSON when
it is ready, runs until SIGTERM or until its standard input is closed, and then stops what it started.
"""

import argparse
import hashlib
import hmac
import io
import json
import os
import re
import secrets
import select
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path

import psycopg2

# Names of this test alone.
USER = DATABASE = "bench"
KEYS_SHOWN = 100
# The first license's; each after it is a second later, which is all that tells two keys of a tier apart.
FIRST_TIMESTAMP = 1_700_000_000
TERM = timedelta(days=365)
READY_SECONDS = 60
TICK_SECONDS = 0.05


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    database = commands.add_parser("database")
    database.set_defaults(run=run_database)
    serve = commands.add_parser("serve")
    serve.set_defaults(run=run_server)
    for command in (database, serve):
        command.add_argument("--seed", type=Path, required=True)
        command.add_argument("--folder", type=Path, required=True)
        command.add_argument("--port", type=int, required=True)
    database.add_argument("--licenses", type=int, default=1_000)
    serve.add_argument("--database-url", required=True)
    serve.add_argument("--master", required=True)
    serve.add_argument("--mode", choices=["as-written", "pooled"], required=True)
    serve.add_argument("--workers", type=int, default=4)
    arguments = parser.parse_args()
    # Whatever is going on then is left, and what was started is stopped on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    arguments.folder.mkdir(parents=True, exist_ok=True)
    arguments.run(arguments)


def run_database(arguments):
    schema = block(arguments.seed, "sql", after="Database Schema")
    programs = postgresql()
    folder, password = arguments.folder.resolve() / "postgresql", secrets.token_urlsafe(24)
    create(programs, folder, password)
    settings = {"listen_addresses": "127.0.0.1", "port": arguments.port, "unix_socket_directories": ""}
    command = [programs / "postgres", "-D", folder / "data"]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    url = f"postgresql://{USER}:{password}@127.0.0.1:{arguments.port}"
    # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave.
    with Server(as_postgres(command), arguments.folder / "postgresql.log", signal.SIGINT) as server:
        server.wait_until(lambda: psycopg2.connect(f"{url}/postgres").close())
        query(f"{url}/postgres", f"CREATE DATABASE {DATABASE}")
        master = secrets.token_hex(32)
        query(f"{url}/{DATABASE}", schema)
        fill(f"{url}/{DATABASE}", master, arguments.licenses)
        keys = [license_key(master, number) for number in range(min(KEYS_SHOWN, arguments.licenses))]
        tell({"url": f"{url}/{DATABASE}", "master": master, "keys": keys})
        server.stay()


def run_server(arguments):
    folder = arguments.folder.resolve()
    (folder / "license_api.py").write_text(block(arguments.seed, "python", after="license_api.py"), encoding="utf-8")
    here = Path(__file__).resolve().parent
    environment = os.environ | {
        "DATABASE_URL": arguments.database_url,
        "MASTER_KEY": arguments.master,
        "PYTHONPATH": os.pathsep.join([str(folder), str(here)]),
    }
    application = {"as-written": "flask_modes:as_written()", "pooled": "flask_modes:pooled()"}[arguments.mode]
    command = [sys.executable, "-m", "gunicorn", "--workers", str(arguments.workers), "--worker-class", "sync"]
    command += ["--bind", f"127.0.0.1:{arguments.port}", "--no-control-socket", application]
    url = f"http://127.0.0.1:{arguments.port}"
    log = folder / f"gunicorn-{arguments.mode}.log"
    with Server(command, log, signal.SIGTERM, environment) as server:
        server.wait_until(lambda: urllib.request.urlopen(f"{url}/api/health", timeout=5).read())
        tell({"url": url})
        server.stay()


class Server:
    """A program that is stopped with `stop_signal` when the block ends, whatever ends it."""

    def __init__(self, command, log, stop_signal, environment=None):
        self.command, self.log, self.stop_signal, self.environment = command, log, stop_signal, environment

    def __enter__(self):
        with self.log.open("wb") as log:
            # A session of its own: Ctrl-C at a terminal reaches us alone.
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_):
        # Told twice, it still stops this one.
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, signal.SIG_IGN)
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def must_run(self):
        if self.process.poll() is not None:
            raise SystemExit(f"{Path(self.command[0]).name} has ended; it says:\n{self.log.read_text()[-2000:]}")

    def wait_until(self, answers):
        end = time.monotonic() + READY_SECONDS
        while True:
            self.must_run()
            try:
                return answers()
            except (OSError, psycopg2.OperationalError) as error:
                if time.monotonic() > end:
                    raise SystemExit(f"it does not answer after {READY_SECONDS} s: {error}") from None
            time.sleep(TICK_SECONDS)

    def stay(self):
        """Until standard input is closed."""
        while True:
            readable, _, _ = select.select([sys.stdin], [], [], 1)
            if readable and not os.read(sys.stdin.fileno(), 4096):
                return
            self.must_run()


def block(seed, language, after):
    """The first block of code in `language` below the line that names `after`."""
    text = seed.read_text(encoding="utf-8", errors="replace")
    found = re.search(rf"^#.*{re.escape(after)}.*?^```{language}\s*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    if not found:
        raise SystemExit(f"{seed} has no block of {language} below a heading with {after}")
    return found[1]


def postgresql():
    """The folder of the newest PostgreSQL's programs, where Debian's packages put them."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda file: int(file.parts[-3]))
    if not found:
        raise SystemExit("PostgreSQL is not installed: run `apt-get install postgresql`")
    return found[-1].parent


def as_postgres(command):
    """PostgreSQL refuses to run as root. The process id stays that of the program."""
    if os.geteuid() != 0:
        return command
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--", *command]


def create(programs, folder, password):
    """A cluster with the settings of Debian's packages: passwords by SCRAM, everything else by default."""
    folder.mkdir(mode=0o700)
    file = folder / "password"
    file.write_text(password)
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", "postgres:", folder], check=True)
    command = [programs / "initdb", "-D", folder / "data", "-U", USER, "--auth=scram-sha-256", f"--pwfile={file}"]
    command += ["--encoding=UTF8", "--locale=C.UTF-8"]
    made = subprocess.run(as_postgres(command), capture_output=True, text=True)
    file.unlink()
    if made.returncode != 0:
        raise SystemExit(f"initdb failed; the user postgres has to reach {folder}:\n{made.stderr}")


def query(url, text):
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(text)
    connection.close()


def fill(url, master, licenses):
    now = datetime.now()
    rows = io.StringIO()
    for number in range(licenses):
        row = [license_key(master, number), f"user_{number}", f"user{number}@example.com", "pro", now + TERM]
        rows.write("\t".join(map(str, row)) + "\n")
    rows.seek(0)
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.copy_from(rows, "licenses", columns=["license_key", "user_id", "email", "tier", "expires_at"])
    connection.close()
    query(url, "VACUUM ANALYZE")


def license_key(master, number):
    """A key of the server's form: `QF-TIER-SIG-TS`."""
    timestamp = FIRST_TIMESTAMP + number
    signature = hmac.new(master.encode(), f"QF-PRO-{timestamp}".encode(), hashlib.sha256).hexdigest()
    return f"QF-PRO-{signature[:16]}-{timestamp}"


def tell(value):
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    main()
