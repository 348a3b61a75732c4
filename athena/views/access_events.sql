-- Access records in typed columns: a user, an IP address and a device when first seen together. Filter by day.
create or replace view access_events as
select
  day,
  p_event_time as event_time,
  user_id,
  username,
  nullif(ip, '') as ip,
  case
    when regexp_like(
      address,
      '^([0:]*:(ffff:)?)?((25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})[.]){3}' || '(25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})$'
    )
    then regexp_extract(address, '([0-9]+[.][0-9]+[.][0-9]+)[.][0-9]+$', 1) || '.0/24'
    when cardinality(hextets) = 8
    then regexp_replace(
      array_join(transform(slice(hextets, 1, 4), item -> regexp_replace(item, '^0*([0-9a-f]+)$', '$1')), ':'),
      '(:0)+$',
      ''
    ) || '::/64'
  end as network,
  nullif(country, '') as country,
  nullif(region, '') as region,
  nullif(isp, '') as isp,
  user_agent,
  nullif(regexp_extract(user_agent, '^ApiApp/([A-Z0-9]+)', 1), '') as app_id,
  try(cast(from_unixtime(try_cast(date_last as bigint)) as timestamp)) as last_seen,
  try_cast(count as bigint) as accesses,
  p_row_id,
  p_parse_time,
  p_source_id,
  p_source_label
from (
  select
    *,
    case
      when regexp_like(wide, '^[0-9a-f]{0,4}(:[0-9a-f]{0,4}){2,8}$')
      then filter(split(replace(
        wide,
        '::',
        substr(':0:0:0:0:0:0:0:0', 1, 2 * (8 - cardinality(filter(split(wide, ':'), item -> item <> '')))) || ':'
      ), ':'), item -> item <> '')
    end as hextets
  from (
    select
      *,
      lower(ip) as address,
      regexp_replace(lower(ip), '([0-9]+[.]){3}[0-9]+$', '0:0') as wide
    from access
  )
)
