"""What Spark reads as the guide has it, and through a table of Hive's: a line of JSON at the end.

spark.py PYTHON-OF-THE-GUIDE SQL-OF-THE-GUIDE-FOR-HIVE
"""

import hashlib
import json
import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

of_the_guide, for_hive = sys.argv[1:]
session = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.ui.showConsoleProgress", "false")
    .config("spark.sql.shuffle.partitions", "2")
    .config("spark.sql.warehouse.dir", "warehouse")
    # Started once, for seconds: to compile less is faster.
    .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -Xshare:auto")
    # As the guide says of small objects.
    .config("spark.sql.files.openCostInBytes", "65536")
    .config("spark.sql.sources.parallelPartitionDiscovery.threshold", "1000")
    .enableHiveSupport()
    .getOrCreate()
)
session.sparkContext.setLogLevel("ERROR")


def rows(frame):
    found = {}
    for service, line in frame.collect():
        # Spark decodes names of directories byte by byte, as Hive does.
        found.setdefault(service.encode("latin-1").decode(), []).append(bytes(line))
    return {
        service: {"count": len(lines), "digest": hashlib.sha256(b"".join(line + b"\n" for line in sorted(lines))).hexdigest()}
        for service, lines in found.items()
    }


names = {}
exec(of_the_guide, names)
logs = names["logs"]
day = logs.where("service = 'api' and dt = '2026-10-03'")
plan = day._jdf.queryExecution().executedPlan()
day_by_instance = {row["instance"]: row["count"] for row in day.groupBy("instance").count().collect()}
told = {
    "text": rows(logs.select("service", F.col("value").cast("binary"))),
    "by_instance": day_by_instance,
    "plan": plan.toString(),
}

statements = [statement for statement in for_hive.split(";") if statement.strip()]
for statement in statements[:-1]:
    session.sql(statement)
told["hive_day"] = session.sql(statements[-1]).collect()[0][0]
told["hive"] = rows(session.table("logs").coalesce(2).select("service", F.col("line").cast("binary")))
print(json.dumps(told))
