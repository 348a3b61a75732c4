-- Access records in types that compare: a user, an address and a device when they were first seen together. Name a day.
create or replace view access_events as
select
  day,
  p_event_time as event_time,
  user_id,
  username,
  nullif(ip, '') as ip,
  coalesce(
    nullif(regexp_extract(ip, '^[0-9]+[.][0-9]+[.][0-9]+[.]'), ''),
    nullif(regexp_extract(ip, '^([0-9A-Fa-f]*:){3}'), '')
  ) as network,
  country,
  region,
  isp,
  user_agent,
  nullif(regexp_extract(user_agent, '^ApiApp/([A-Z0-9]+)', 1), '') as app_id,
  try(cast(from_unixtime(try_cast(date_last as bigint)) as timestamp)) as last_seen,
  try_cast(count as bigint) as accesses,
  p_row_id,
  p_parse_time,
  p_source_id,
  p_source_label
from access
