-- Access logs: where a user was first seen, with which device. One row per new combination in Slack's team.accessLogs.
-- To create the table manually, replace <bucket> with the bucket name. docs/athena.md explains the column types.
CREATE EXTERNAL TABLE IF NOT EXISTS access (
  `user_id` string COMMENT 'User ID',
  `username` string COMMENT 'User name at that time',
  `date_first` string COMMENT 'Unix time in seconds when the combination was first seen',
  `date_last` string COMMENT 'Unix time in seconds when the combination was last seen, as of collection',
  `count` string COMMENT 'Accesses until then',
  `ip` string COMMENT 'IP address; may be empty',
  `user_agent` string COMMENT 'User agent',
  `isp` string COMMENT 'Often null',
  `country` string COMMENT 'Often null',
  `region` string COMMENT 'Often null',
  `p_log_type` string COMMENT 'Slack.AuditLogs, Slack.AccessLogs or Slack.IntegrationLogs',
  `p_row_id` string COMMENT 'Record ID: 32 hex digits, the same at every read',
  `p_event_time` timestamp COMMENT 'Event time in UTC, from date_first',
  `p_parse_time` timestamp COMMENT 'Collection time in UTC',
  `p_source_id` string COMMENT 'Source ID, as in the object keys',
  `p_source_label` string COMMENT 'Source name',
  `p_workspace_id` string COMMENT 'Workspace from which the row was read, if Slack requires a team_id for access logs',
  `p_any_ip_addresses` array<string> COMMENT 'All IP addresses in the record',
  `p_any_emails` array<string> COMMENT 'All email addresses in the record',
  `p_any_usernames` array<string> COMMENT 'All user names in the record',
  `p_row` string COMMENT 'What Slack sent, if it was not a JSON object'
)
COMMENT 'Slack access logs: where each user was first seen, with which device'
PARTITIONED BY (`day` string COMMENT 'UTC day, such as 2026/11/22; filter by it in every query')
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
