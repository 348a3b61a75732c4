-- Anomalies
-- Activity that Slack reported as unusual in the last 30 days, the reason, and changes to Slack's response to anomalies.
-- Change: 30 (days). Slack writes the record up to a minute after the action.
select
  event_time,
  action,
  coalesce(actor_email, actor_name, actor_id) as actor,
  array_join(reasons, ',') as reasons,
  acted_at,
  ip,
  previous_ip,
  user_agent,
  previous_user_agent,
  previous_value,
  new_value,
  details
from audit_events
where day >= date_format(current_date - interval '30' day, '%Y/%m/%d')
  and action like '%anomaly%' -- also matches actions that Slack adds or misspells
order by event_time desc, actor
limit 1000
