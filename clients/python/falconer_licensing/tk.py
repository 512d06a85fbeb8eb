"""The activation dialog in tkinter, without any further dependency."""

from __future__ import annotations

import tkinter
from tkinter import ttk
from typing import Callable

from ._dialog import POLL_MILLISECONDS, DialogModel
from ._form import Field
from ._licensing import Licensing
from .texts import Texts

_WIDTH = 62
_WRAP_PIXELS = 520
_ERROR_COLOUR = "#b00020"


class ActivationDialog:
    """A window that asks for key, name and e-mail, says what is wrong beside its field, offers to move the license, and
    waits for the network.

    `parent` is the application's window; without one the dialog makes a root window of its own. `texts` is the vendor's
    table. Call `show`; it returns true if the application may run.
    """

    def __init__(
        self,
        licensing: Licensing,
        parent: tkinter.Misc | None = None,
        *,
        texts: Texts | None = None,
        key: str = "",
        name: str = "",
        email: str = "",
    ) -> None:
        self._texts = texts or Texts()
        self.window: tkinter.Tk | tkinter.Toplevel = tkinter.Tk() if parent is None else tkinter.Toplevel(parent)
        self.window.title(self._texts.caption("dialog.title"))
        self.window.resizable(False, False)
        self.window.protocol("WM_DELETE_WINDOW", self.close)
        self.unlocked = False
        self.entries: dict[Field, ttk.Entry] = {}
        self.errors: dict[Field, ttk.Label] = {}
        self._contents: dict[Field, tkinter.StringVar] = {}
        self._drawing = False
        self._closed = False
        self._after = ""
        self._build()
        self._model = DialogModel(licensing, self._texts, key, name, email)
        self.draw()
        self.entries[Field.KEY].focus_set()
        self._after = self.window.after(POLL_MILLISECONDS, self._poll)

    def show(self) -> bool:
        """Shows the dialog until it is closed. Returns true if the application may run."""
        if isinstance(self.window, tkinter.Toplevel):
            self.window.transient(self.window.master.winfo_toplevel())
            self.window.wait_visibility()
            self.window.grab_set()
        self.window.wait_window()
        return self.unlocked

    def close(self) -> None:
        """Closes the dialog, and cancels a request under way."""
        if not self._closed:
            self._closed = True
            if self._after:
                self.window.after_cancel(self._after)
            self.unlocked = self._model.close()
            self.window.destroy()

    def draw(self) -> None:
        """Shows the model as it is now."""
        view = self._model.view()
        if view.done:
            self.close()
            return
        self._drawing = True
        for field, content in self._contents.items():
            text = self._model.form.display_text(field)
            if content.get() != text:
                content.set(text)
            self.entries[field].configure(state="disabled" if view.working else "normal")
            self.errors[field].configure(text=view.sentence if view.field is field else "")
        self._drawing = False
        self.sentence.configure(text="" if view.field is not None else view.sentence)
        self.next_step.configure(text=view.next_step)
        self.detail.configure(text=view.detail)
        self._draw_holders(view.holders, view.chosen)
        self.activate.configure(state="disabled" if view.working else "normal")
        _place(self.move, view.may_move)
        _place(self.try_again, view.may_try_again)
        caption = "dialog.cancel" if view.working else "dialog.close"
        self.leave.configure(text=self._texts.caption(caption))
        (self.progress.start if view.working else self.progress.stop)()
        _place(self.progress, view.working)

    # ---- parts

    def _build(self) -> None:
        frame = ttk.Frame(self.window, padding=16)
        frame.grid(sticky="nsew")
        for row, field in enumerate(Field):
            ttk.Label(frame, text=self._texts.caption(f"dialog.{field.value}")).grid(
                row=3 * row, sticky="w", pady=(0 if row == 0 else 8, 2)
            )
            content = tkinter.StringVar(self.window)
            entry = ttk.Entry(frame, textvariable=content, width=_WIDTH)
            entry.grid(row=3 * row + 1, sticky="ew")
            error = ttk.Label(frame, foreground=_ERROR_COLOUR, wraplength=_WRAP_PIXELS)
            error.grid(row=3 * row + 2, sticky="w")
            content.trace_add("write", _without_arguments(self._typed, field))
            entry.bind("<FocusIn>", _without_arguments(self._focused, field))
            entry.bind("<Return>", lambda _: self._submit())
            self._contents[field], self.entries[field], self.errors[field] = content, entry, error
        self.sentence = ttk.Label(frame, wraplength=_WRAP_PIXELS, font=("TkDefaultFont", 10, "bold"))
        self.next_step = ttk.Label(frame, wraplength=_WRAP_PIXELS)
        self.detail = ttk.Label(frame, wraplength=_WRAP_PIXELS)
        self.holders = ttk.Frame(frame)
        self.progress = ttk.Progressbar(frame, mode="indeterminate")
        for row, (part, gap) in enumerate(
            [
                (self.sentence, 12),
                (self.next_step, 2),
                (self.detail, 2),
                (self.holders, 4),
                (self.progress, 8),
            ],
            start=9,
        ):
            part.grid(row=row, sticky="ew", pady=(gap, 0))
        self._chosen = tkinter.StringVar(self.window)
        self._build_buttons(frame)

    def _build_buttons(self, frame: ttk.Frame) -> None:
        buttons = ttk.Frame(frame)
        buttons.grid(row=14, sticky="e", pady=(14, 0))
        caption = self._texts.caption
        self.move = ttk.Button(buttons, text=caption("dialog.move"), command=self._move)
        self.try_again = ttk.Button(buttons, text=caption("dialog.try_again"), command=self._try_again)
        self.leave = ttk.Button(buttons, text=caption("dialog.close"), command=self._leave)
        self.activate = ttk.Button(buttons, text=caption("dialog.activate"), command=self._submit, default="active")
        for column, button in enumerate((self.move, self.try_again, self.leave, self.activate)):
            button.grid(row=0, column=column, padx=(8, 0))
        self.window.bind("<Escape>", lambda _: self._leave())

    def _draw_holders(self, holders: tuple[tuple[str, str], ...], chosen: str | None) -> None:
        for child in self.holders.winfo_children():
            child.destroy()
        if holders:
            ttk.Label(self.holders, text=self._texts.caption("dialog.holders")).grid(sticky="w")
        _place(self.holders, bool(holders))
        self._chosen.set(chosen or "")
        for device, line in holders:
            ttk.Radiobutton(
                self.holders,
                text=line,
                value=device,
                variable=self._chosen,
                command=lambda: self._model.form.choose(self._chosen.get()),
            ).grid(sticky="w")

    # ---- what the user does

    def _typed(self, field: Field) -> None:
        if not self._drawing:
            self._model.form.set(field, self._contents[field].get())
            self.draw()

    def _focused(self, field: Field) -> None:
        if self._model.form.focus is not field:
            self._model.form.focus_on(field)
            self.draw()

    def _submit(self) -> None:
        self._model.submit()
        self.draw()
        self.entries[self._model.form.focus].focus_set()

    def _move(self) -> None:
        self._model.move_here()
        self.draw()

    def _try_again(self) -> None:
        self._model.try_again()
        self.draw()

    def _leave(self) -> None:
        if self._model.view().working:
            self._model.form.cancel()
        else:
            self.close()

    def _poll(self) -> None:
        if self._model.poll():
            self.draw()
        if not self._closed:
            self._after = self.window.after(POLL_MILLISECONDS, self._poll)


def _place(part: ttk.Widget, shown: bool) -> None:
    (part.grid if shown else part.grid_remove)()


def _without_arguments(call: Callable[[Field], None], field: Field) -> Callable[..., None]:
    """A handler of Tk that ignores what Tk says about the event."""

    def handle(*_: object) -> None:
        call(field)

    return handle
