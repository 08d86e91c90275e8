"""scripts/athena.sql: each statement parses as Athena's, and its view and its queries run in DuckDB over the same objects.

athena.py STATEMENTS-FILE GUIDE-QUERY VIEW-OF-THE-GUIDE: a line of JSON, the rows of each query.
"""

import json
import sys

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel

file, guide_query, view = sys.argv[1:]
with open(file, encoding="utf-8") as script:
    texts = [*script.read().split(";\n"), guide_query.rstrip().rstrip(";")]
# One by one, as Athena takes them: a table is made in the words of Hive, all else in those of Trino.
statements = [
    sqlglot.parse_one(text.strip(), dialect="athena", error_level=ErrorLevel.RAISE) for text in texts if text.strip()
]
commands = [statement for statement in statements if isinstance(statement, exp.Command)]
assert not commands, f"not understood, only passed on: {commands}"
table, log_lines, *queries = statements
assert isinstance(table, exp.Create) and table.kind == "TABLE", table
assert isinstance(log_lines, exp.Create) and log_lines.kind == "VIEW", log_lines

connection = duckdb.connect()
connection.sql(view.replace("VIEW logs", "VIEW objects"))
# Athena's table, as DuckDB has it: the day is a text there, and the name of the object is "$path".
connection.sql('CREATE VIEW logs AS SELECT line, service, CAST(dt AS VARCHAR) AS dt, filename AS "$path" FROM objects')
connection.sql(log_lines.sql(dialect="duckdb"))
properties = {}
for property in table.find_all(exp.Property):
    if isinstance(property.this, exp.Literal) and property.args.get("value") is not None:
        properties[property.this.name] = property.args["value"].name
print(
    json.dumps(
        {
            "columns": [column.name for column in table.this.expressions],
            "properties": properties,
            "queries": [
                [[str(value) for value in row] for row in connection.sql(query.sql(dialect="duckdb")).fetchall()]
                for query in queries
            ],
        }
    )
)
