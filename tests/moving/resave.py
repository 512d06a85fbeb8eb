"""Opens our export in another program and saves it again.

    resave.py PROGRAM FROM.csv TO.csv --folder F --port P

PROGRAM is libreoffice, libreoffice-semicolons, libreoffice-xlsx, openpyxl, pandas, pandas-text or psql. F is for what the
program leaves behind.
"""

import argparse
import csv
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "bench" / "python"))

# Parted by commas or semicolons, quoted by quotation marks, UTF-8, from the first line on.
COMMAS, SEMICOLONS = "44,34,76,1", "59,34,76,1"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", choices=PROGRAMS)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    PROGRAMS[arguments.program](arguments)


def libreoffice(arguments, separator=COMMAS):
    converted(arguments, arguments.source, f"csv:Text - txt - csv (StarCalc):{separator}", f"CSV:{COMMAS}")


def libreoffice_xlsx(arguments):
    between = arguments.folder / "between" / "sheet.xlsx"
    converted(arguments, arguments.source, "xlsx", f"CSV:{COMMAS}", between)
    converted(arguments, between, f"csv:Text - txt - csv (StarCalc):{COMMAS}", None)


def converted(arguments, source, to, read_as, target=None):
    target = target or arguments.target
    folder = arguments.folder / "converted"
    command = ["soffice", f"-env:UserInstallation=file://{(arguments.folder / 'profile').resolve()}", "--headless"]
    command += [f"--infilter={read_as}"] if read_as else []
    command += ["--convert-to", to, "--outdir", folder, source]
    subprocess.run(command, check=True, capture_output=True, timeout=180)
    target.parent.mkdir(parents=True, exist_ok=True)
    (folder / f"{source.stem}.{to.split(':')[0]}").replace(target)


def openpyxl(arguments):
    from openpyxl import Workbook, load_workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    with arguments.source.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            sheet.append(row)
    between = arguments.folder / "openpyxl.xlsx"
    book.save(between)
    with arguments.target.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(load_workbook(between, read_only=True).active.iter_rows(values_only=True))


def pandas(arguments):
    from pandas import read_csv

    read_csv(arguments.source).to_csv(arguments.target, index=False)


def pandas_text(arguments):
    from pandas import read_csv

    read_csv(arguments.source, dtype=str, keep_default_na=False).to_csv(arguments.target, index=False)


def psql(arguments):
    from postgresql import running

    with arguments.source.open(encoding="utf-8", newline="") as file:
        columns = ", ".join(f'"{name}" text' for name in next(csv.reader(file)))
    with running(arguments.folder / "psql", arguments.port, "UTC") as (programs, url):
        for line in (
            f"CREATE TABLE sheet ({columns})",
            rf"\copy sheet from '{arguments.source}' csv header",
            rf"\copy sheet to '{arguments.target}' csv header",
        ):
            subprocess.run([programs / "psql", url, "--no-psqlrc", "--quiet", "-c", line], check=True)


PROGRAMS = {
    "libreoffice": libreoffice,
    "libreoffice-semicolons": lambda arguments: libreoffice(arguments, SEMICOLONS),
    "libreoffice-xlsx": libreoffice_xlsx,
    "openpyxl": openpyxl,
    "pandas": pandas,
    "pandas-text": pandas_text,
    "psql": psql,
}

if __name__ == "__main__":
    main()
