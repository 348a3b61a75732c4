-- Completeness by day
-- Whether each record of the last 30 days is stored exactly once: no duplicate p_row_id, unreadable line or missing object.
-- Change: 30 (days). slacktrail status shows whether every record was collected from Slack.
with objects as (
  select 'audit' as log, day, "$path" as path, p_row_id from audit
  where day >= date_format(current_date - interval '30' day, '%Y/%m/%d')
  union all
  select 'access', day, "$path", p_row_id from access
  where day >= date_format(current_date - interval '30' day, '%Y/%m/%d')
  union all
  select 'integration', day, "$path", p_row_id from integration
  where day >= date_format(current_date - interval '30' day, '%Y/%m/%d')
)
select
  day,
  log,
  regexp_extract(path, '/([a-z0-9-]+)-[0-9]+[.]json[.]gz$', 1) as source,
  count(*) as row_count,
  count(distinct p_row_id) as record_count,
  count(*) - count(p_row_id) as unreadable_count,
  count(distinct path) as object_count,
  max(try_cast(regexp_extract(path, '-([0-9]+)[.]json[.]gz$', 1) as bigint)) as last_object,
  count(*) = count(distinct p_row_id)
    and count(distinct path) = max(try_cast(regexp_extract(path, '-([0-9]+)[.]json[.]gz$', 1) as bigint)) as is_complete
from objects
group by day, log, regexp_extract(path, '/([a-z0-9-]+)-[0-9]+[.]json[.]gz$', 1)
order by day desc, log, source
limit 1000
