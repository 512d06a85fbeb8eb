"""Runs a command line in a terminal of its own, in a shell with job control, as a person at a keyboard would.

usage: terminal.py SECONDS COMMAND

What the terminal shows goes to standard output. Ends as the command ends; after SECONDS it is stopped, and the exit
code is 124.
"""

import fcntl
import os
import pty
import signal
import struct
import sys
import termios
import time

ROWS, COLUMNS = 24, 80


def main():
    seconds, command = float(sys.argv[1]), sys.argv[2]
    pid, terminal = pty.fork()
    if pid == 0:
        # -i: each command gets a process group, and the terminal while it runs.
        os.execvp("bash", ["bash", "--norc", "--noprofile", "-ic", command])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    signal.signal(signal.SIGALRM, lambda *_: give_up(pid))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    # Who stops this program closes the terminal of the command that runs in it.
    signal.signal(signal.SIGTERM, lambda *_: give_up(pid))
    while part := shown(terminal):
        sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()
    _, status = os.waitpid(pid, 0)
    sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)


def shown(terminal):
    try:
        return os.read(terminal, 65536)
    except OSError:
        # Linux says so when the last program has closed its side.
        return b""


def give_up(pid):
    """Stops everything in the terminal, also what has stopped itself and waits for a keyboard."""
    print("\nterminal.py: still running, or waiting for a keyboard that nobody is at; stopped", flush=True)
    os.killpg(pid, signal.SIGHUP)
    os.killpg(pid, signal.SIGCONT)
    time.sleep(2)
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    os._exit(124)


main()
