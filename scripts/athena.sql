-- logferry's objects as a table for Amazon Athena (engine version 3). docs/query.md says why it is as it is.
--
-- Put your bucket and prefix in place of s3://my-logs/prod (twice), and the day of your first object in place of 2026-01-01.
-- Run one statement after the other.

CREATE EXTERNAL TABLE logs (
    line STRING
)
PARTITIONED BY (
    service STRING,
    dt STRING
)
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.RegexSerDe'
WITH SERDEPROPERTIES (
    'input.regex' = '(?s)(.*)'
)
STORED AS TEXTFILE
LOCATION 's3://my-logs/prod/'
TBLPROPERTIES (
    'projection.enabled' = 'true',
    'projection.service.type' = 'injected',
    'projection.dt.type' = 'date',
    'projection.dt.format' = 'yyyy-MM-dd',
    'projection.dt.interval' = '1',
    'projection.dt.interval.unit' = 'DAYS',
    'projection.dt.range' = '2026-01-01,NOW',
    'storage.location.template' = 's3://my-logs/prod/service=${service}/dt=${dt}/'
);

-- What the names of objects say, beside each line. Times are UTC.
CREATE OR REPLACE VIEW log_lines AS
SELECT
    line,
    service,
    dt,
    regexp_extract("$path", '_([A-Za-z0-9.-]+)_[0-9a-z]{6}-[0-9]{8}-[0-9a-f]{8}\.log\.(gz|zst)$', 1) AS instance,
    regexp_extract("$path", '_([0-9a-z]{6}-[0-9]{8})-[0-9a-f]{8}\.log\.(gz|zst)$', 1) AS segment,
    date_parse(regexp_extract("$path", '_([0-9]{8}T[0-9]{6}Z)_[0-9]{8}T[0-9]{6}Z_[A-Za-z0-9.-]+_[0-9a-z]{6}-[0-9]{8}-[0-9a-f]{8}\.log\.(gz|zst)$', 1), '%Y%m%dT%H%i%sZ') AS segment_first,
    date_parse(regexp_extract("$path", '_([0-9]{8}T[0-9]{6}Z)_[A-Za-z0-9.-]+_[0-9a-z]{6}-[0-9]{8}-[0-9a-f]{8}\.log\.(gz|zst)$', 1), '%Y%m%dT%H%i%sZ') AS segment_last
FROM logs;

-- The lines of one service that hold a word, on one day, with the instance in front.
SELECT instance, line
FROM log_lines
WHERE service = 'api' AND dt = '2026-10-03' AND line LIKE '%done%'
ORDER BY segment_first, segment;

-- How much each instance logged in an hour. The segment before may have begun the day before.
SELECT instance, count(DISTINCT segment) AS segments, count(*) AS lines
FROM log_lines
WHERE service = 'worker'
    AND dt BETWEEN '2026-10-02' AND '2026-10-03'
    AND segment_last >= TIMESTAMP '2026-10-03 12:00:00'
    AND segment_first < TIMESTAMP '2026-10-03 13:00:00'
GROUP BY instance
ORDER BY lines DESC, instance;

-- Lines of several services by day.
SELECT service, dt, count(*) AS lines
FROM log_lines
WHERE service IN ('api', 'auth') AND dt BETWEEN '2026-10-03' AND '2026-10-05'
GROUP BY service, dt
ORDER BY service, dt;
