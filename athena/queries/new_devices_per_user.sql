-- New devices per user
-- Devices that a user used in the last 7 days and not before. A device is a user agent without program versions.
-- Change: 7 (new days), 180 and 30 (days of history).
with seen as (
  select user_id, username as user_name, event_time, ip, country, user_agent
  from access_events -- only first sightings are stored, so a long history has few rows
  where day >= date_format(current_date - interval '180' day, '%Y/%m/%d')
  union all
  select actor_id, actor_name, event_time, ip, null, user_agent
  from audit_events
  where day >= date_format(current_date - interval '30' day, '%Y/%m/%d') and action in ('user_login', 'cli_login')
),
devices as (
  select
    user_id, user_name, event_time, ip, country, user_agent,
    regexp_replace(
      regexp_replace(
        regexp_replace(
          regexp_replace(user_agent, '^SlackWeb(/0)? ', ''), -- a prefix that only the access logs have
          '(OS X|OS|iOS|iPadOS|macOS|Android|Linux|CrOS [a-z0-9_]+) ([0-9]+)[^ ;,)]*', -- keeps the major version
          '$1 $2'
        ),
        '(Windows NT [0-9]+[.][0-9]+)[0-9.]*|; rv:[0-9.]+',
        '$1'
      ),
      '(Scale/[0-9.]+)|/[vV]?[0-9][^ ;,)]*| Build/[^ ;,)]+', -- keeps the display scale, removes program versions
      '$1'
    ) as device
  from seen
  where user_agent is not null and user_agent <> ''
)
select
  min(event_time) as first_seen,
  user_id,
  min_by(user_name, event_time) as user_name,
  min_by(user_agent, event_time) as user_agent,
  min_by(ip, event_time) as ip,
  min_by(country, event_time) as country,
  count(*) as times
from devices
group by user_id, device
having min(event_time) >= cast(current_date - interval '7' day as timestamp)
order by first_seen desc, user_id, user_agent
limit 1000
