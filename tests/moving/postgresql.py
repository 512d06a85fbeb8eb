"""A PostgreSQL of our own for a while: in a folder, on a port of this machine, never the system's service."""

import contextlib
import os
import secrets
import signal

import psycopg2
from flask_server import DATABASE, USER, Server, as_postgres, create, postgresql, query


@contextlib.contextmanager
def running(folder, port, zone):
    """The folder of its programs, and the URL of an empty database whose sessions are in `zone`."""
    folder = folder.resolve()
    folder.mkdir(parents=True)
    if os.geteuid() == 0:
        # The user it runs as has to get there, whatever the folders above allow.
        os.chmod(folder, 0o755)
    programs, password = postgresql(), secrets.token_urlsafe(24)
    create(programs, folder / "postgresql", password)
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "timezone": zone,
        "fsync": "off",
    }
    command = [programs / "postgres", "-D", folder / "postgresql" / "data"]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    url = f"postgresql://{USER}:{password}@127.0.0.1:{port}"
    with Server(as_postgres(command), folder / "postgresql.log", signal.SIGINT) as server:
        server.wait_until(lambda: psycopg2.connect(f"{url}/postgres").close())
        query(f"{url}/postgres", f"CREATE DATABASE {DATABASE}")
        yield programs, f"{url}/{DATABASE}"
