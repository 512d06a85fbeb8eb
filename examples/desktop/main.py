"""A desktop application with a license: its dialog at the first start, and a window with what the license unlocks and
with buttons to check, move and give back the license.

    pip install target/clients/falconer_licensing-*.whl
    python main.py

`falconer-keys.json` beside this file is the answer of the server's `/api/keys`. `FALCONER_URL` names another server, as
`cargo xtask dev` prints it, and `FALCONER_STORE` another file for the license.
"""

from __future__ import annotations

import os
import threading
import tkinter
from pathlib import Path
from tkinter import ttk
from typing import Callable

from falconer_licensing import FalconerError, Licensing, Message, State, Waiting
from falconer_licensing.tk import ActivationDialog

SERVER = os.environ.get("FALCONER_URL", "https://licenses.example.com")
KEYS = Path(__file__).parent / "falconer-keys.json"
STORE = os.environ.get("FALCONER_STORE")
FEATURES = {"basic_dashboard": "Dashboard", "copy_trading": "Copy trading", "white_label": "Your own label"}
"""Features of the catalog, and what this application calls them."""


class Application:
    """The main window. Calls that ask the server run on a thread of their own."""

    def __init__(self, licensing: Licensing) -> None:
        self.licensing = licensing
        self.window = tkinter.Tk()
        self.window.title("Desktop example")
        self.window.protocol("WM_DELETE_WINDOW", self.close)
        frame = ttk.Frame(self.window, padding=16)
        frame.grid()
        self.status = ttk.Label(frame, wraplength=460)
        self.status.grid(columnspan=4, sticky="w")
        self.device = ttk.Label(frame)
        self.device.grid(columnspan=4, sticky="w", pady=(4, 8))
        self.tools = {name: ttk.Button(frame, text=caption) for name, caption in FEATURES.items()}
        for column, button in enumerate(self.tools.values()):
            button.grid(row=2, column=column, padx=4)
        self.answer = ttk.Label(frame, wraplength=460)
        self.answer.grid(row=3, columnspan=4, sticky="w", pady=8)
        actions: list[tuple[str, Callable[[], None]]] = [
            ("Check now", lambda: self.ask(licensing.refresh)),
            ("Move here", lambda: self.ask(licensing.transfer)),
            ("Give back", lambda: self.ask(licensing.deactivate)),
            ("Activate…", self.activate),
        ]
        self.actions = {caption: ttk.Button(frame, text=caption, command=act) for caption, act in actions}
        for column, button in enumerate(self.actions.values()):
            button.grid(row=4, column=column, padx=4)
        # A listener runs on a thread of the library; it leaves a note, and the window's own thread looks for it.
        self.changed = threading.Event()
        licensing.on_change(lambda _: self.changed.set())
        licensing.start_refresher()
        self.draw()
        self.window.after(50, self.look)

    def look(self) -> None:
        """Draws what has changed."""
        if self.changed.is_set():
            self.changed.clear()
            self.draw()
        self.window.after(50, self.look)

    def draw(self) -> None:
        """Shows what the license unlocks now."""
        snapshot = self.licensing.snapshot()
        self.status.configure(text=f"{snapshot.state.name}: {snapshot.message}")
        until = snapshot.license.offline_until if snapshot.license else None
        offline = f", offline until {until:%Y-%m-%d}" if until else ""
        self.device.configure(text=f"{snapshot.device.name}{offline}")
        for name, button in self.tools.items():
            button.configure(state="normal" if self.licensing.has_feature(name) else "disabled")

    def ask(self, call: Callable[[], object]) -> None:
        """Runs a call that asks the server, and shows its answer."""
        self.answer.configure(text="The license server is being asked.")
        answers: list[str] = []

        def run() -> None:
            try:
                result = call()
                answers.append(result.advice if isinstance(result, Waiting) else "Done.")
            except FalconerError as error:
                answers.append(error.advice)

        def wait() -> None:
            if answers:
                self.answer.configure(text=answers[0])
                self.draw()
            else:
                self.window.after(50, wait)

        threading.Thread(target=run, daemon=True).start()
        wait()

    def activate(self) -> None:
        """Shows the dialog."""
        ActivationDialog(self.licensing, self.window).show()
        self.draw()

    def close(self) -> None:
        """Closes window and license."""
        self.licensing.close()
        self.window.destroy()


def open_license() -> Licensing:
    """Opens the license of this application."""
    return Licensing(
        "QF",
        SERVER,
        keys=KEYS.read_bytes(),
        app_id="com.example.desktop",
        store=STORE,
        allow_machine_id_override=True,
    )


def main() -> None:
    """Asks for a license until there is one, then shows the window."""
    licensing = open_license()
    if not licensing.unlocked and not ActivationDialog(licensing).show():
        notice: Message = licensing.snapshot().message
        print(notice)
        licensing.close()
        return
    assert licensing.state is not State.NOT_ACTIVATED
    Application(licensing).window.mainloop()


if __name__ == "__main__":
    main()
