-- Who did what today
-- Actors and actions of today (UTC) in the audit logs, most frequent first, with the numbers of entities and IP addresses.
-- Change: the day.
select
  coalesce(actor_email, actor_name, actor_id) as actor,
  action,
  count(*) as times,
  min(event_time) as first_time,
  max(event_time) as last_time,
  min_by(entity_name, event_time) as first_entity,
  count(distinct entity_id) as entities,
  count(distinct ip) as addresses
from audit_events
where day = date_format(current_date, '%Y/%m/%d')
group by coalesce(actor_email, actor_name, actor_id), action
order by times desc, actor, action
limit 1000
