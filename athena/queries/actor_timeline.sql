-- An actor's timeline
-- Activity of one person or app in the last 7 days, across the three log types, in order.
-- Change: ann@example.com (an email address, name or ID) and 7 (days).
with ids as (
  select 'ann@example.com' as id
  union
  select actor_id
  from audit_events
  where day >= date_format(current_date - interval '7' day, '%Y/%m/%d')
    and 'ann@example.com' in (actor_email, actor_name, actor_id)
)
select
  event_time,
  'audit' as log,
  action as what,
  coalesce(entity_email, entity_name, entity_id) as target,
  ip,
  user_agent,
  details
from audit_events
where day >= date_format(current_date - interval '7' day, '%Y/%m/%d')
  and (actor_id in (select id from ids) or actor_email in (select id from ids) or actor_name in (select id from ids))
union all
select event_time, 'access', 'first seen here with this device', country, ip, user_agent, isp
from access_events
where day >= date_format(current_date - interval '7' day, '%Y/%m/%d')
  and (user_id in (select id from ids) or username in (select id from ids))
union all
select event_time, 'integration', kind || ' ' || change_type, integration_name, null, null, scope
from integration_events
where day >= date_format(current_date - interval '7' day, '%Y/%m/%d')
  and (user_id in (select id from ids) or user_name in (select id from ids))
order by event_time, log, what
limit 1000
