"""The activation dialog in Qt. It needs PySide6, the extra `qt` of the wheel."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QCloseEvent, QFont, QPalette
from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from ._dialog import POLL_MILLISECONDS, DialogModel
from ._form import Field
from ._licensing import Licensing
from .texts import Texts

_WIDTH_PIXELS = 520
_ERROR_COLOUR = Qt.GlobalColor.red


class ActivationDialog(QDialog):
    """A dialog that asks for key, name and e-mail, says what is wrong beside its field, offers to move the license, and
    waits for the network.

    `texts` is the vendor's table. Call `show_modal`; it returns true if the application may run.
    """

    def __init__(
        self,
        licensing: Licensing,
        parent: QWidget | None = None,
        *,
        texts: Texts | None = None,
        key: str = "",
        name: str = "",
        email: str = "",
    ) -> None:
        super().__init__(parent)
        self._texts = texts or Texts()
        self.setWindowTitle(self._texts.caption("dialog.title"))
        self.setMinimumWidth(_WIDTH_PIXELS)
        self.entries: dict[Field, QLineEdit] = {}
        self.errors: dict[Field, QLabel] = {}
        self._radios: list[QRadioButton] = []
        self._drawing = False
        self._build()
        self._model = DialogModel(licensing, self._texts, key, name, email)
        self.unlocked = False
        self.draw()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._poll)
        self._timer.start(POLL_MILLISECONDS)

    def show_modal(self) -> bool:
        """Shows the dialog until it is closed. Returns true if the application may run."""
        self.exec()
        return self.unlocked

    def draw(self) -> None:
        """Shows the model as it is now."""
        view = self._model.view()
        if view.done:
            self.accept()
            return
        self._drawing = True
        for field, entry in self.entries.items():
            text = self._model.form.display_text(field)
            if entry.text() != text:
                entry.setText(text)
            entry.setDisabled(view.working)
            _say(self.errors[field], view.sentence if view.field is field else "")
        self._drawing = False
        _say(self.sentence, "" if view.field is not None else view.sentence)
        _say(self.next_step, view.next_step)
        _say(self.detail, view.detail)
        self._draw_holders(view.holders, view.chosen)
        self.activate.setDisabled(view.working)
        self.move_button.setVisible(view.may_move)
        self.try_again.setVisible(view.may_try_again)
        self.leave.setText(self._texts.caption("dialog.cancel" if view.working else "dialog.close"))
        self.progress.setVisible(view.working)

    def done(self, result: int) -> None:
        """Closes the dialog, and cancels a request under way."""
        self._timer.stop()
        self.unlocked = self._model.close()
        super().done(result)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """Closes like the button."""
        self.reject()
        event.accept()

    # ---- parts

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        for field in Field:
            caption = QLabel(self._texts.caption(f"dialog.{field.value}"), self)
            entry = _FocusedLine(self, field)
            error = self._label()
            palette = error.palette()
            palette.setColor(QPalette.ColorRole.WindowText, _ERROR_COLOUR)
            error.setPalette(palette)
            caption.setBuddy(entry)
            entry.textEdited.connect(partial(self._typed, field))
            layout.addWidget(caption)
            layout.addWidget(entry)
            layout.addWidget(error)
            self.entries[field], self.errors[field] = entry, error
        self.sentence, self.next_step, self.detail = self._label(), self._label(), self._label()
        bold = QFont(self.sentence.font())
        bold.setBold(True)
        self.sentence.setFont(bold)
        self.holders = QWidget(self)
        self._holders_layout = QVBoxLayout(self.holders)
        self._holders_layout.setContentsMargins(0, 0, 0, 0)
        self._group = QButtonGroup(self)
        self.progress = QProgressBar(self)
        self.progress.setRange(0, 0)
        parts: tuple[QWidget, ...] = (self.sentence, self.next_step, self.detail, self.holders, self.progress)
        for part in parts:
            layout.addWidget(part)
        layout.addLayout(self._buttons())

    def _label(self) -> QLabel:
        label = QLabel(self)
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.hide()
        return label

    def _buttons(self) -> QHBoxLayout:
        caption = self._texts.caption
        self.move_button = QPushButton(caption("dialog.move"), self)
        self.try_again = QPushButton(caption("dialog.try_again"), self)
        self.leave = QPushButton(caption("dialog.close"), self)
        self.activate = QPushButton(caption("dialog.activate"), self)
        self.activate.setDefault(True)
        layout = QHBoxLayout()
        layout.addStretch()
        for button, pressed in (
            (self.move_button, self._move),
            (self.try_again, self._try_again),
            (self.leave, self._leave),
            (self.activate, self._submit),
        ):
            button.clicked.connect(pressed)
            button.setAutoDefault(button is self.activate)
            layout.addWidget(button)
        return layout

    def _draw_holders(self, holders: tuple[tuple[str, str], ...], chosen: str | None) -> None:
        for radio in self._radios:
            self._group.removeButton(radio)
            radio.deleteLater()
        self._radios = []
        for device, line in holders:
            radio = QRadioButton(line, self.holders)
            radio.setChecked(device == chosen)
            radio.clicked.connect(lambda _=False, device=device: self._model.form.choose(device))
            self._group.addButton(radio)
            self._holders_layout.addWidget(radio)
            self._radios.append(radio)
        self.holders.setVisible(bool(holders))

    # ---- what the user does

    def focused(self, field: Field) -> None:
        """The cursor has come to a field."""
        if not self._drawing and self._model.form.focus is not field:
            self._model.form.focus_on(field)
            self.draw()

    def _typed(self, field: Field, text: str) -> None:
        if not self._drawing:
            self._model.form.set(field, text)
            self.draw()

    def _submit(self) -> None:
        self._model.submit()
        self.draw()
        self.entries[self._model.form.focus].setFocus()

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
            self.reject()

    def reject(self) -> None:
        """Escape cancels a request under way, and otherwise closes."""
        if self._timer.isActive() and self._model.view().working:
            self._model.form.cancel()
        else:
            super().reject()

    def _poll(self) -> None:
        if self._model.poll():
            self.draw()


class _FocusedLine(QLineEdit):
    """A line that tells its dialog of the cursor."""

    def __init__(self, dialog: ActivationDialog, field: Field) -> None:
        super().__init__(dialog)
        self._dialog = dialog
        self._field = field

    def focusInEvent(self, event: object) -> None:  # noqa: N802
        super().focusInEvent(event)  # type: ignore[arg-type]
        self._dialog.focused(self._field)


def _say(label: QLabel, text: str) -> None:
    label.setText(text)
    label.setVisible(bool(text))
