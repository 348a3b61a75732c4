-- Who was first seen where, with which device: Slack's team.accessLogs, one row for each new combination.
-- To make the table by hand, put the bucket's name for <bucket>. docs/athena.md says why the columns are as they are.
CREATE EXTERNAL TABLE IF NOT EXISTS access (
  `user_id` string COMMENT 'Who',
  `username` string COMMENT 'Their name then',
  `date_first` string COMMENT 'Seconds since 1970 when the combination was first seen',
  `date_last` string COMMENT 'Seconds since 1970 when it was last seen, as known when it was collected',
  `count` string COMMENT 'Accesses until then',
  `ip` string COMMENT 'From where; may be empty',
  `user_agent` string COMMENT 'With what',
  `isp` string COMMENT 'Often null',
  `country` string COMMENT 'Often null',
  `region` string COMMENT 'Often null',
  `p_log_type` string COMMENT 'Slack.AuditLogs, Slack.AccessLogs or Slack.IntegrationLogs',
  `p_row_id` string COMMENT 'The identity of the record: 32 hex digits, the same at every read',
  `p_event_time` timestamp COMMENT 'UTC; from date_first',
  `p_parse_time` timestamp COMMENT 'UTC; when it was collected',
  `p_source_id` string COMMENT 'The id of the source, as in the names of the objects',
  `p_source_label` string COMMENT 'The name of the source',
  `p_any_ip_addresses` array<string> COMMENT 'Every IP address found in the record',
  `p_any_emails` array<string> COMMENT 'Every e-mail address found in the record',
  `p_any_usernames` array<string> COMMENT 'Every user name found in the record',
  `p_row` string COMMENT 'What Slack sent, where it was no JSON object'
)
COMMENT 'Slack access logs: who was first seen where, with which device'
PARTITIONED BY (`day` string COMMENT 'UTC day, as in 2026/11/22; name one in every query')
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES (
  'case.insensitive' = 'FALSE',
  'ignore.malformed.json' = 'TRUE'
)
STORED AS
  INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
  OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://<bucket>/access/'
TBLPROPERTIES (
  'classification' = 'json',
  'projection.enabled' = 'true',
  'projection.day.type' = 'date',
  'projection.day.format' = 'yyyy/MM/dd',
  'projection.day.range' = '1970/01/01,NOW',
  'projection.day.interval' = '1',
  'projection.day.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://<bucket>/access/${day}/'
)
