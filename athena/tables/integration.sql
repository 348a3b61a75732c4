-- Which apps and services came, changed and went: Slack's team.integrationLogs, one row for each change.
-- To make the table by hand, put the bucket's name for <bucket>. docs/athena.md says why the columns are as they are.
CREATE EXTERNAL TABLE IF NOT EXISTS integration (
  `user_id` string COMMENT 'Who changed it',
  `user_name` string COMMENT 'Their name then',
  `date` string COMMENT 'Seconds since 1970',
  `change_type` string COMMENT 'added, removed, enabled, disabled, updated or expanded',
  `app_id` string COMMENT 'The app, if it is one',
  `app_type` string COMMENT 'The name of the app',
  `service_id` string COMMENT 'The service, if it is no app; Slack sends a number or a string',
  `service_type` string COMMENT 'The name of the service',
  `scope` string COMMENT 'What it may do: scopes with commas between',
  `channel` string COMMENT 'The channel that it is bound to',
  `reason` string COMMENT 'Why it was disabled',
  `rss_feed` string COMMENT 'true for a feed',
  `rss_feed_change_type` string COMMENT 'What changed about the feed',
  `rss_feed_title` string COMMENT 'The title of the feed',
  `rss_feed_url` string COMMENT 'The address of the feed',
  `resolution` string COMMENT 'Rare',
  `admin_app_id` string COMMENT 'Rare',
  `p_log_type` string COMMENT 'Slack.AuditLogs, Slack.AccessLogs or Slack.IntegrationLogs',
  `p_row_id` string COMMENT 'The identity of the record: 32 hex digits, the same at every read',
  `p_event_time` timestamp COMMENT 'UTC; from date',
  `p_parse_time` timestamp COMMENT 'UTC; when it was collected',
  `p_source_id` string COMMENT 'The id of the source, as in the names of the objects',
  `p_source_label` string COMMENT 'The name of the source',
  `p_workspace_id` string COMMENT 'The workspace of an organisation that it was read from',
  `p_any_ip_addresses` array<string> COMMENT 'Every IP address found in the record',
  `p_any_emails` array<string> COMMENT 'Every e-mail address found in the record',
  `p_any_usernames` array<string> COMMENT 'Every user name found in the record',
  `p_row` string COMMENT 'What Slack sent, where it was no JSON object'
)
COMMENT 'Slack integration logs: which apps and services came, changed and went'
PARTITIONED BY (`day` string COMMENT 'UTC day, as in 2026/11/22; name one in every query')
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES (
  'case.insensitive' = 'FALSE',
  'ignore.malformed.json' = 'TRUE'
)
STORED AS
  INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
  OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://<bucket>/integration/'
TBLPROPERTIES (
  'classification' = 'json',
  'projection.enabled' = 'true',
  'projection.day.type' = 'date',
  'projection.day.format' = 'yyyy/MM/dd',
  'projection.day.range' = '1970/01/01,NOW',
  'projection.day.interval' = '1',
  'projection.day.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://<bucket>/integration/${day}/'
)
