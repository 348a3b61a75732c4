-- Integration records in typed columns: who changed which app, service or feed, and how. Filter by day.
create or replace view integration_events as
select
  day,
  p_event_time as event_time,
  change_type,
  user_id,
  user_name,
  case
    when app_id is not null then 'app'
    when rss_feed = 'true' then 'feed'
    when coalesce(service_id, service_type) is not null then 'service'
  end as kind,
  coalesce(app_id, service_id) as integration_id,
  coalesce(app_type, rss_feed_title, service_type) as integration_name,
  app_id,
  service_id,
  scope,
  channel,
  reason,
  rss_feed_url,
  p_workspace_id as workspace_id,
  p_row_id,
  p_parse_time,
  p_source_id,
  p_source_label
from integration
