"""A host that loads the plug-in: `host.py unload|fork LIBRARY ROUNDS`, in a folder with a store and `keys.json`.

It is also the server, which takes every request and never answers.
"""

import ctypes
import hashlib
import json
import os
import signal
import socket
import sys
import threading
import time
import warnings
from _ctypes import dlclose

# Far above the time of any step; a step that reaches it hangs.
LIMIT_SECONDS = 60
LIMIT_MILLISECONDS = LIMIT_SECONDS * 1000


def main():
    mode, library, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    server = socket.create_server(("127.0.0.1", 0), backlog=1024)
    server.settimeout(LIMIT_SECONDS)
    settings = {
        # A name, so that each request begins with a look-up on a thread of the library.
        "server": f"http://localhost:{server.getsockname()[1]}",
        "store": os.path.abspath("license.db"),
        "keys": json.load(open("keys.json")),
    }
    json.dump(settings, open("plugin.json", "w"))
    {"unload": unload, "fork": fork}[mode](server, library, rounds)


def load(path):
    library = ctypes.CDLL(path)
    library.plugin_start.restype = ctypes.c_void_p
    library.plugin_stop.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
    library.plugin_is_unlocked.argtypes = [ctypes.c_void_p]
    library.plugin_refresh.argtypes = [ctypes.c_void_p]
    library.plugin_wait.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
    return library


def unload(server, path, rounds):
    """Loads, starts, stops and unloads, and counts threads and mappings."""
    threads = count_threads()
    for number in range(rounds):
        library = load(path)
        # A thread of its own: a library stays mapped while a thread lives whose thread-local values it must drop.
        on_a_thread(one_life, library, server, number, threads + 1)
        # Python joins a thread of its own a moment before the system has ended it.
        wait_until(lambda: count_threads() == threads, LIMIT_SECONDS)
        dlclose(library._handle)
        check(path not in open("/proc/self/maps").read(), f"round {number}: still mapped")
        check(count_threads() == threads, f"round {number}: {count_threads()} threads, and {threads} before")
    print(f"{rounds} rounds")


def one_life(library, server, number, threads):
    plugin = start(library)
    connection = None
    if number % 2 == 0:
        # The refresher is inside a read, and nobody will answer it.
        connection, _ = server.accept()
    else:
        # Anywhere between its start and the read.
        time.sleep(number % 20 / 2000)
    check(library.plugin_is_unlocked(plugin) == 1, f"round {number}: locked")
    check(library.plugin_stop(plugin, LIMIT_MILLISECONDS) == 1, f"round {number}: not stopped")
    # The system takes a thread off its list a moment after the thread was joined.
    wait_until(lambda: count_threads() == threads, 0.001)
    check(count_threads() == threads, f"round {number}: a thread of the library still runs")
    if connection:
        connection.close()
    else:
        drain(server)


def start(library):
    plugin = library.plugin_start()
    check(plugin, "not started")
    return plugin


def drain(server):
    server.setblocking(False)
    try:
        while True:
            server.accept()[0].close()
    except BlockingIOError:
        server.settimeout(LIMIT_SECONDS)


def fork(server, path, rounds):
    """Forks while the refresher is inside a read and other threads look at the license."""
    warnings.simplefilter("ignore")
    library = load(path)
    plugin = start(library)
    connection, _ = server.accept()
    ends = threading.Event()
    lookers = [threading.Thread(target=look, args=(library, plugin, ends), daemon=True) for _ in range(2)]
    for looker in lookers:
        looker.start()
    # The request of the refresher lasts five seconds, and it writes before and after.
    before = contents()
    begun = time.monotonic()
    done = 0
    while done < rounds and time.monotonic() - begun < 3:
        child = os.fork()
        if child == 0:
            be_a_child(library, plugin)
        _, status = os.waitpid(child, 0)
        check(os.waitstatus_to_exitcode(status) == 0, f"child {done}: {os.waitstatus_to_exitcode(status)}")
        done += 1
    check(contents() == before, "a child wrote the parent's files")
    ends.set()
    for looker in lookers:
        looker.join()
    check(library.plugin_is_unlocked(plugin) == 1, "the parent is locked")
    check(library.plugin_stop(plugin, LIMIT_MILLISECONDS) == 1, "the parent did not stop")
    connection.close()
    print(f"{done} children")


def be_a_child(library, plugin):
    """Uses everything that could hang or write, closes the license, and ends."""
    signal.alarm(LIMIT_SECONDS // 6)
    steps = [
        library.plugin_is_unlocked(plugin) == 1,
        library.plugin_refresh(plugin) == 1,
        library.plugin_wait(plugin, 1) == 1,
        library.plugin_stop(plugin, 0) == 1,
    ]
    wrong = [number for number, right in enumerate(steps, 1) if not right]
    os._exit(wrong[0] if wrong else 0)


def look(library, plugin, ends):
    while not ends.is_set():
        library.plugin_is_unlocked(plugin)


def contents():
    files = sorted(name for name in os.listdir(".") if name.startswith("license.db"))
    return [(name, hashlib.sha256(open(name, "rb").read()).hexdigest()) for name in files]


def on_a_thread(function, *arguments):
    failures = []

    def run():
        try:
            function(*arguments)
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def wait_until(condition, seconds):
    begun = time.monotonic()
    while not condition() and time.monotonic() - begun < seconds:
        time.sleep(0.0002)


def count_threads():
    return len(os.listdir("/proc/self/task"))


def check(right, message):
    if not right:
        raise SystemExit(message)


main()
