-- Audit records with actor, entity, context and some of details opened, in types that compare. Name a day: it prunes.
create or replace view audit_events as
select
  day,
  p_event_time as event_time,
  action,
  json_extract_scalar(actor, '$.type') as actor_type,
  coalesce(json_extract_scalar(actor, '$.user.id'), json_extract_scalar(actor, '$.app.id')) as actor_id,
  coalesce(json_extract_scalar(actor, '$.user.name'), json_extract_scalar(actor, '$.app.name')) as actor_name,
  json_extract_scalar(actor, '$.user.email') as actor_email,
  json_extract_scalar(actor, '$.user.team') as actor_team,
  json_extract_scalar(actor, '$.user.account_type') as actor_account_type,
  json_extract_scalar(entity, '$.type') as entity_type,
  try(coalesce(
    json_extract_scalar(entity, '$.' || json_extract_scalar(entity, '$.type') || '.id'),
    json_extract_scalar(entity, '$.' || json_extract_scalar(entity, '$.type') || '.app_id'),
    json_extract_scalar(entity, '$.' || json_extract_scalar(entity, '$.type') || '.channel')
  )) as entity_id,
  try(coalesce(
    nullif(json_extract_scalar(entity, '$.' || json_extract_scalar(entity, '$.type') || '.name'), ''),
    nullif(json_extract_scalar(entity, '$.' || json_extract_scalar(entity, '$.type') || '.title'), ''),
    json_extract_scalar(entity, '$.' || json_extract_scalar(entity, '$.type') || '.template_name')
  )) as entity_name,
  json_extract_scalar(entity, '$.user.email') as entity_email,
  nullif(json_extract_scalar(context, '$.ip_address'), '') as ip,
  coalesce(
    nullif(regexp_extract(json_extract_scalar(context, '$.ip_address'), '^[0-9]+[.][0-9]+[.][0-9]+[.]'), ''),
    nullif(regexp_extract(json_extract_scalar(context, '$.ip_address'), '^([0-9A-Fa-f]*:){3}'), '')
  ) as network,
  nullif(json_extract_scalar(context, '$.ua'), '') as user_agent,
  json_extract_scalar(context, '$.session_id') as session_id,
  json_extract_scalar(context, '$.location.type') as location_type,
  json_extract_scalar(context, '$.location.id') as location_id,
  json_extract_scalar(context, '$.location.name') as location_name,
  json_extract_scalar(context, '$.location.domain') as location_domain,
  nullif(json_format(json_extract(context, '$.app')), 'null') as app,
  json_extract_scalar(context, '$.acting_agent') as acting_agent,
  coalesce(
    json_extract_scalar(details, '$.new_value'),
    nullif(json_format(json_extract(details, '$.new_value')), 'null')
  ) as new_value,
  coalesce(
    json_extract_scalar(details, '$.previous_value'),
    nullif(json_format(json_extract(details, '$.previous_value')), 'null')
  ) as previous_value,
  coalesce(
    try_cast(json_extract(details, '$.reason') as array(varchar)),
    case
      when json_extract_scalar(details, '$.reason') <> '' then array[json_extract_scalar(details, '$.reason')]
    end
  ) as reasons,
  try(case
    when try_cast(json_extract_scalar(details, '$.action_timestamp') as double) > 1e14
    then cast(from_unixtime(try_cast(json_extract_scalar(details, '$.action_timestamp') as double) / 1e6) as timestamp)
    else cast(from_unixtime(try_cast(json_extract_scalar(details, '$.action_timestamp') as double) / 1e3) as timestamp)
  end) as acted_at,
  nullif(json_extract_scalar(details, '$.previous_ip_address'), '') as previous_ip,
  nullif(json_extract_scalar(details, '$.previous_ua'), '') as previous_user_agent,
  coalesce(
    try_cast(json_extract(details, '$.new_scopes') as array(varchar)),
    try_cast(json_extract(details, '$.scopes') as array(varchar)),
    try_cast(json_extract(entity, '$.app.scopes') as array(varchar))
      || coalesce(try_cast(json_extract(entity, '$.app.scopes_bot') as array(varchar)), array[])
  ) as scopes,
  coalesce(
    try_cast(json_extract(details, '$.previous_scopes') as array(varchar)),
    try_cast(json_extract(details, '$.old_scopes') as array(varchar))
  ) as previous_scopes,
  json_extract_scalar(details, '$.external_organization_id') as external_organization_id,
  json_extract_scalar(details, '$.external_organization_name') as external_organization_name,
  json_extract_scalar(details, '$.external_user_email') as external_user_email,
  coalesce(
    json_extract_scalar(details, '$.inviter.user.id'),
    json_extract_scalar(details, '$.inviter.id')
  ) as inviter_id,
  details,
  actor,
  entity,
  context,
  id,
  p_row_id,
  p_parse_time,
  p_source_id,
  p_source_label,
  p_any_ip_addresses,
  p_any_emails,
  p_any_usernames
from audit
