-- Lateness
-- Delay between the time of a record and its collection in the last 7 days, including history and outages.
-- Change: 7 (days).
with records as (
  select 'audit' as log, day, p_source_id, date_diff('second', p_event_time, p_parse_time) as seconds_late from audit
  where day >= date_format(current_date - interval '7' day, '%Y/%m/%d')
  union all
  select 'access', day, p_source_id, date_diff('second', p_event_time, p_parse_time) from access
  where day >= date_format(current_date - interval '7' day, '%Y/%m/%d')
  union all
  select 'integration', day, p_source_id, date_diff('second', p_event_time, p_parse_time) from integration
  where day >= date_format(current_date - interval '7' day, '%Y/%m/%d')
)
select
  day,
  log,
  p_source_id,
  count(*) as records,
  count_if(seconds_late <= 120) as within_2_minutes,
  count_if(seconds_late > 120 and seconds_late <= 3600) as within_an_hour,
  count_if(seconds_late > 3600 and seconds_late <= 26 * 3600) as within_26_hours,
  count_if(seconds_late > 26 * 3600) as later,
  approx_percentile(seconds_late, 0.5) as seconds_late_median,
  max(seconds_late) as seconds_late_max
from records
group by day, log, p_source_id
order by day desc, log, p_source_id
limit 1000
