"""A table of the Flask server in a real PostgreSQL, with every mess of `rows.py`, exported as people export it.

    table.py --folder F --port P [--seed FILE]    < the master of the legacy generation

The schema is our own, with the columns that `docs/moving-in.md` names. Where the document with the Flask server is there,
its schema is taken instead, its generator adds rows, and its server answers; nothing of them is in this tree. Without it
the old answers come from the rule in `old_answer`, and with it that rule has to agree with the server on every row.

F then holds `psql.csv`, `psql.txt`, `pandas.csv`, `pgadmin.csv`, and `answers.json`: each key, what is special about its
row, and what the old server says of it.
"""

import argparse
import csv
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
import types
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "bench" / "python"))

ZONE = "Europe/Berlin"
os.environ["TZ"] = ZONE
time.tzset()

import pandas  # noqa: E402
import psycopg2  # noqa: E402

import rows  # noqa: E402
from flask_server import block, query  # noqa: E402
from postgresql import running  # noqa: E402

SCHEMA = """
    CREATE TABLE licenses (
        id serial PRIMARY KEY,
        license_key varchar(255) NOT NULL UNIQUE,
        user_id varchar(255) NOT NULL,
        email varchar(255),
        tier varchar(20) NOT NULL,
        expires_at timestamp NOT NULL,
        created_at timestamp DEFAULT current_timestamp,
        active boolean DEFAULT true,
        features text[],
        metadata jsonb
    )
"""
COLUMNS = ["license_key", "user_id", "email", "tier", "expires_at", "created_at", "active", "features", "metadata"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=Path)
    arguments = parser.parse_args()
    master = sys.stdin.read().strip()
    with running(arguments.folder / "table", arguments.port, ZONE) as (programs, url):
        query(url, block(arguments.seed, "sql", after="Database Schema") if arguments.seed else SCHEMA)
        made = rows.made(lambda text: signature(master, text))
        insert(url, made)
        if arguments.seed:
            made += generated(arguments.seed, url, master)
        export(programs, url, arguments.folder)
        answers = old_answers(arguments.seed, url, master, made)
    (arguments.folder / "answers.json").write_text(json.dumps(answers, ensure_ascii=False), encoding="utf-8")
    kinds = len({row["kind"] for row in answers})
    print(f"{len(answers)} licenses of {kinds} kinds in the table")


def signature(master, text):
    return hmac.new(master.encode(), text.encode(), hashlib.sha256).hexdigest()[:16]


def insert(url, made):
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        places = ", ".join(["%s"] * len(COLUMNS))
        for row in made:
            values = [row[column] for column in COLUMNS]
            cursor.execute(f"INSERT INTO licenses ({', '.join(COLUMNS)}) VALUES ({places})", values)
    connection.close()


def generated(seed, url, master):
    """Rows by the old generator itself: one of each tier, since two of a tier in one second are refused by the table."""
    module = types.ModuleType("generator")
    code = block(seed, "python", after="Modified generator.py")
    exec(compile(code, "generator.py", "exec"), module.__dict__)  # the document that the project started from
    module.MASTER_KEY, module.DATABASE_URL = master, url
    keys = []
    standard_output, sys.stdout = sys.stdout, open(os.devnull, "w")
    try:
        for tier in ("free", "pro", "elite", "lifetime"):
            days = 999_999 if tier == "lifetime" else 30
            keys.append(module.generate_license(f"generated_{tier}", f"{tier}@example.com", tier, days))
    finally:
        sys.stdout = standard_output
    return [{"license_key": key, "kind": "perpetual" if "LIFETIME" in key else "plain"} for key in keys]


def export(programs, url, folder):
    for name, options in [("psql.csv", "csv header"), ("psql.txt", "(format text, header)")]:
        command = [programs / "psql", url, "--no-psqlrc", "--quiet", "-c", rf"\copy licenses to '{folder / name}' {options}"]
        subprocess.run(command, check=True)
    connection = psycopg2.connect(url)
    with warnings.catch_warnings():
        # pandas prefers SQLAlchemy, and writes the same with it.
        warnings.simplefilter("ignore")
        # Python's datetime has no other years, so pandas reads no table that holds them.
        readable = "SELECT * FROM licenses WHERE expires_at BETWEEN '0001-01-01' AND '9999-12-31 23:59:59' " \
            "AND coalesce(isfinite(created_at), true) ORDER BY id"
        pandas.read_sql(readable, connection).to_csv(folder / "pandas.csv")
    with connection.cursor() as cursor, (folder / "pgadmin.csv").open("w", encoding="utf-8", newline="") as file:
        cursor.execute("SELECT id::text, " + ", ".join(f"{column}::text" for column in COLUMNS) + " FROM licenses ORDER BY id")
        writer = csv.writer(file, delimiter=";", quoting=csv.QUOTE_ALL)
        writer.writerow(["id", *COLUMNS])
        writer.writerows([["NULL" if cell is None else cell for cell in row] for row in cursor])
    connection.close()


def old_answers(seed, url, master, made):
    server = flask_client(seed, url, master) if seed else None
    connection = psycopg2.connect(url)
    connection.autocommit = True
    answers = []
    for row in made:
        key = row["license_key"]
        answer = old_answer(connection, master, key)
        if server:
            said = server(key)
            features = said["body"].pop("features", None)
            if said != answer:
                raise SystemExit(f"the rule and the Flask server differ about a row of kind {row['kind']}: {answer} {said}")
            answer["features"] = features
        answers.append({"key": key, "kind": row["kind"], **answer})
    connection.close()
    return answers


def old_answer(connection, master, key):
    """The rule: the signature over the key's text, then the active row of exactly that key, then its end, in the server's
    zone. A date that Python cannot hold is an error, and that is answered as if there were no row."""
    parts = key.split("-")
    if len(parts) != 4 or parts[0] != "QF" or signature(master, f"QF-{parts[1]}-{parts[3]}") != parts[2]:
        return refused("Invalid license signature")
    try:
        with connection.cursor() as cursor:
            text = "SELECT user_id, tier, expires_at FROM licenses WHERE license_key = %s AND active"
            cursor.execute(text, (key,))
            user_id, tier, expires_at = cursor.fetchone()
        ends = int(expires_at.timestamp() * 1_000)
    except (TypeError, ValueError, OverflowError, AttributeError, psycopg2.Error):
        return refused("License not found")
    if ends < time.time() * 1_000:
        return refused("License expired")
    return {"status": 200, "body": {"valid": True, "tier": tier, "expiresAt": ends, "userId": user_id}}


def refused(text):
    return {"status": 401, "body": {"valid": False, "error": text}}


def flask_client(seed, url, master):
    """The document's own server, asked without a network, its limiter off."""
    os.environ |= {"DATABASE_URL": url, "MASTER_KEY": master}
    module = types.ModuleType("license_api")
    exec(compile(block(seed, "python", after="license_api.py"), "license_api.py", "exec"), module.__dict__)
    module.limiter.enabled = False
    module.logger.disabled = True
    client = module.app.test_client()

    def ask(key):
        answer = client.post("/api/verify", json={"license": key, "timestamp": 0, "origin": "moving"})
        return {"status": answer.status_code, "body": answer.get_json()}

    return ask


if __name__ == "__main__":
    main()
