"""Looks at what `sam build` made: a zip for each function as it would be uploaded, and what its program asks of Lambda.

    packaged.py BUILD_FOLDER PROGRAMS_FOLDER FUNCTION...

Each function's program is also put into PROGRAMS_FOLDER under the function's name, to be started from there.
"""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

# A larger one takes longer to load at a cold start.
LARGEST_ZIP_BYTES = 4 * 1024 * 1024
# What provided.al2023 has. A program that needs a newer one does not start there.
NEWEST_GLIBC = (2, 34)


def logical_id(function):
    return "".join(part.capitalize() for part in function.split("-")) + "Function"


def zipped_bytes(folder):
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                zipped.write(file, file.relative_to(folder))
    return archive.stat().st_size


def glibc_needed(program):
    """The newest version of a symbol that the dynamic linker has to find."""
    said = subprocess.run(["readelf", "--version-info", "--wide", program], check=True, capture_output=True, text=True)
    versions = re.findall(r"\bGLIBC_(\d+)\.(\d+)", said.stdout)
    if not versions:
        raise SystemExit(f"{program} names no glibc: it is not linked as expected")
    return max((int(major), int(minor)) for major, minor in versions)


def main():
    build, programs = Path(sys.argv[1]), Path(sys.argv[2])
    programs.mkdir(parents=True, exist_ok=True)
    complaints = []
    for function in sys.argv[3:]:
        folder = build / logical_id(function)
        program = folder / "bootstrap"
        if not program.is_file():
            raise SystemExit(f"sam build made no {program}")
        size, glibc = zipped_bytes(folder), glibc_needed(program)
        print(f"{function:15} {size / 1024 / 1024:.2f} MiB zipped, needs glibc {glibc[0]}.{glibc[1]}")
        if size > LARGEST_ZIP_BYTES:
            complaints.append(f"{function} has {size} bytes, more than {LARGEST_ZIP_BYTES}")
        if glibc > NEWEST_GLIBC:
            complaints.append(f"{function} needs glibc {glibc}, and Lambda has {NEWEST_GLIBC}")
        shutil.copy2(program, programs / function)
    if complaints:
        raise SystemExit("\n".join(complaints))


if __name__ == "__main__":
    main()
