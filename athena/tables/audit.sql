-- Who did what: Slack's Audit Logs API, one row for each record.
-- To make the table by hand, put the bucket's name for <bucket>. docs/athena.md says why the columns are as they are.
CREATE EXTERNAL TABLE IF NOT EXISTS audit (
  `id` string COMMENT 'The id that Slack gave it: opaque',
  `date_create` string COMMENT 'Seconds since 1970',
  `action` string COMMENT 'What was done; Slack adds names without notice',
  `actor` string COMMENT 'JSON: who did it',
  `entity` string COMMENT 'JSON: what it was done to',
  `context` string COMMENT 'JSON: from where; location, ua, ip_address, session_id, app',
  `details` string COMMENT 'JSON: what else there is to say; of another shape for each action',
  `p_log_type` string COMMENT 'Slack.AuditLogs, Slack.AccessLogs or Slack.IntegrationLogs',
  `p_row_id` string COMMENT 'The identity of the record: 32 hex digits, the same at every read',
  `p_event_time` timestamp COMMENT 'UTC; from date_create',
  `p_parse_time` timestamp COMMENT 'UTC; when it was collected',
  `p_source_id` string COMMENT 'The id of the source, as in the names of the objects',
  `p_source_label` string COMMENT 'The name of the source',
  `p_any_ip_addresses` array<string> COMMENT 'Every IP address found in the record',
  `p_any_emails` array<string> COMMENT 'Every e-mail address found in the record',
  `p_any_usernames` array<string> COMMENT 'Every user name found in the record',
  `p_row` string COMMENT 'What Slack sent, where it was no JSON object'
)
COMMENT 'Slack audit logs: who did what'
PARTITIONED BY (`day` string COMMENT 'UTC day, as in 2026/11/22; name one in every query')
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES (
  'case.insensitive' = 'FALSE',
  'ignore.malformed.json' = 'TRUE'
)
STORED AS
  INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
  OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://<bucket>/audit/'
TBLPROPERTIES (
  'classification' = 'json',
  'projection.enabled' = 'true',
  'projection.day.type' = 'date',
  'projection.day.format' = 'yyyy/MM/dd',
  'projection.day.range' = '1970/01/01,NOW',
  'projection.day.interval' = '1',
  'projection.day.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://<bucket>/audit/${day}/'
)
