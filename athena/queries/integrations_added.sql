-- Integrations added, and by whom
-- Apps, services and feeds that were added, enabled or given more scopes in the last 30 days, on any paid plan.
-- Change: 30 (days).
select
  event_time,
  change_type,
  kind,
  integration_name,
  integration_id,
  coalesce(user_name, user_id) as changed_by,
  scope,
  channel,
  workspace_id,
  p_source_id
from integration_events
where day >= date_format(current_date - interval '30' day, '%Y/%m/%d')
  and change_type in ('added', 'enabled', 'expanded')
order by event_time desc, integration_name, change_type
limit 1000
