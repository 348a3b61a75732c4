-- Audit records with actor, entity and context opened, in types that compare. Name a day: it prunes what is read.
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
