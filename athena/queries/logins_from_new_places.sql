-- Logins from a new country or network
-- Users whose country or network was new in the last 7 days, from access and audit logs.
-- Change: 7 (new days), 180 and 30 (days of history). A network is an IPv4 /24 or an IPv6 /64.
with seen as (
  select user_id, username as user_name, event_time, ip, network, country, user_agent
  from access_events -- only first sightings are stored, so a long history has few rows
  where day >= date_format(current_date - interval '180' day, '%Y/%m/%d')
  union all
  select actor_id, actor_name, event_time, ip, network, null, user_agent
  from audit_events
  where day >= date_format(current_date - interval '30' day, '%Y/%m/%d') and action in ('user_login', 'cli_login')
),
places as (
  select 'country' as kind, country as place, user_id, user_name, event_time, ip, user_agent
  from seen
  where country is not null
  union all
  select 'network', network, user_id, user_name, event_time, ip, user_agent
  from seen
  where network is not null
),
users as (
  select user_id, min(event_time) as user_first_seen from seen group by user_id
)
select
  min(places.event_time) as first_seen,
  places.user_id,
  min_by(places.user_name, places.event_time) as user_name,
  places.kind,
  places.place,
  min_by(places.ip, places.event_time) as ip,
  min_by(places.user_agent, places.event_time) as user_agent,
  count(*) as times,
  min(users.user_first_seen) < cast(current_date - interval '7' day as timestamp) as user_was_known
from places
join users on users.user_id = places.user_id
group by places.user_id, places.kind, places.place
having min(places.event_time) >= cast(current_date - interval '7' day as timestamp)
order by first_seen desc, places.user_id, places.kind, places.place
limit 1000
