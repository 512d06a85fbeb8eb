"""The hook by which PyInstaller packs this library. Its entry point makes PyInstaller find it."""

from __future__ import annotations

import os


def hook_dirs() -> list[str]:
    """Returns the folder with the hook."""
    return [os.path.dirname(__file__)]
