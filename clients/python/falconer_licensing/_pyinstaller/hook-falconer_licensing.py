"""Packs the extension module and the version with the package. A toolkit comes with the dialog that the application imports."""

from PyInstaller.utils.hooks import copy_metadata  # type: ignore[import-untyped,unused-ignore]

hiddenimports = ["falconer_licensing._native"]
datas = copy_metadata("falconer-licensing")
