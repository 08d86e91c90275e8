"""What DuckDB reads through the view of the guide: a line of JSON, the rows of each service.

duck.py VIEW ENCODING SERVICE...
"""

import hashlib
import json
import sys

import duckdb

view, encoding, *services = sys.argv[1:]
connection = duckdb.connect()
connection.sql(view)
rows = {}
# Written out: only then are the objects of other services left alone.
names = ", ".join("'" + service.replace("'", "''") + "'" for service in services)
for service, line in connection.sql(f"SELECT service, line FROM logs WHERE service IN ({names})").fetchall():
    rows.setdefault(service, []).append(line.encode(encoding))
print(
    json.dumps(
        {
            service: {"count": len(lines), "digest": hashlib.sha256(b"".join(line + b"\n" for line in sorted(lines))).hexdigest()}
            for service, lines in rows.items()
        }
    )
)
