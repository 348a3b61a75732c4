-- Integration logs: changes to apps, services and feeds. One row per change in Slack's team.integrationLogs.
-- To create the table manually, replace <bucket> with the bucket name. docs/athena.md explains the column types.
CREATE EXTERNAL TABLE IF NOT EXISTS integration (
  `user_id` string COMMENT 'ID of the user who made the change',
  `user_name` string COMMENT 'User name at that time',
  `date` string COMMENT 'Unix time in seconds',
  `change_type` string COMMENT 'added, removed, enabled, disabled, updated or expanded',
  `app_id` string COMMENT 'App ID, if it is an app',
  `app_type` string COMMENT 'App name',
  `service_id` string COMMENT 'Service ID, if it is not an app; Slack sends a number or a string',
  `service_type` string COMMENT 'Service name',
  `scope` string COMMENT 'Scopes, comma-separated',
  `channel` string COMMENT 'Channel of the integration',
  `reason` string COMMENT 'Reason for disabling it',
  `rss_feed` string COMMENT 'true for a feed',
  `rss_feed_change_type` string COMMENT 'Type of change to the feed',
  `rss_feed_title` string COMMENT 'Feed title',
  `rss_feed_url` string COMMENT 'Feed URL',
  `resolution` string COMMENT 'Rare',
  `admin_app_id` string COMMENT 'Rare',
  `p_log_type` string COMMENT 'Slack.AuditLogs, Slack.AccessLogs or Slack.IntegrationLogs',
  `p_row_id` string COMMENT 'Record ID: 32 hex digits, the same at every read',
  `p_event_time` timestamp COMMENT 'Event time in UTC, from date',
  `p_parse_time` timestamp COMMENT 'Collection time in UTC',
  `p_source_id` string COMMENT 'Source ID, as in the object keys',
  `p_source_label` string COMMENT 'Source name',
  `p_workspace_id` string COMMENT 'Workspace of the organization from which the row was read',
  `p_any_ip_addresses` array<string> COMMENT 'All IP addresses in the record',
  `p_any_emails` array<string> COMMENT 'All email addresses in the record',
  `p_any_usernames` array<string> COMMENT 'All user names in the record',
  `p_row` string COMMENT 'What Slack sent, if it was not a JSON object'
)
COMMENT 'Slack integration logs: changes to apps, services and feeds'
PARTITIONED BY (`day` string COMMENT 'UTC day, such as 2026/11/22; filter by it in every query')
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
