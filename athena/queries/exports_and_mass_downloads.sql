-- Exports and mass downloads
-- Exports of the last 30 days, and actors with 100 or more downloads in one clock hour.
-- Change: 30 (days) and 100 (downloads in one hour).
with events as (
  select event_time, action, actor_email, actor_name, actor_id, entity_id, entity_name, ip, user_agent, details
  from audit_events
  where day >= date_format(current_date - interval '30' day, '%Y/%m/%d')
)
select
  'export' as kind,
  event_time,
  action,
  coalesce(actor_email, actor_name, actor_id) as actor,
  coalesce(entity_name, entity_id) as what,
  1 as times,
  ip,
  details
from events
where regexp_like(action, 'export_(started|completed|downloaded|csv_started|json_started)$')
  or action in (
    'corporate_exports_approved', 'corporate_exports_enabled', 'workflow_responses_csv_download',
    'apps_analytics_export_prepared', 'export_private_channel_analytics_created',
    'enterprise_search_email_attachment_downloaded'
  )
union all
select
  'mass download',
  min(event_time),
  'file_downloaded',
  coalesce(actor_email, actor_name, actor_id),
  cast(count(distinct entity_id) as varchar) || ' files',
  count(*),
  min_by(ip, event_time),
  null
from events
where action in ('file_downloaded', 'canvas_downloaded', 'list_downloaded')
group by coalesce(actor_email, actor_name, actor_id), date_trunc('hour', event_time)
having count(*) >= 100
order by event_time desc, action, actor
limit 1000
