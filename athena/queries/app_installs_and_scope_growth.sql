-- App installs and scope growth
-- Apps that were installed, approved or granted more access in the last 30 days, by whom, and with which new scopes.
-- Change: 30 (days). is_powerful is NULL if the record names no scopes.
select
  event_time,
  action,
  coalesce(actor_email, actor_name, actor_id) as actor,
  app_name,
  app_id,
  case when entity_type = 'workspace' then coalesce(entity_name, entity_id) else location_name end as workspace,
  array_join(filter(scopes, s -> not contains(coalesce(previous_scopes, array[]), s)), ',') as scopes_new,
  array_join(previous_scopes, ',') as scopes_before,
  cardinality(
    filter(scopes, s -> regexp_like(s, '^(admin|auditlogs|search|files:read|chat:write[.]customize)|:history$'))
  ) > 0 as is_powerful
from audit_events
where day >= date_format(current_date - interval '30' day, '%Y/%m/%d')
  and action in (
    'app_installed', 'app_approved', 'app_deployed', 'app_scopes_expanded', 'app_resources_granted',
    'app_resources_added', 'app_token_preserved', 'bot_token_upgraded', 'cli_app_install', 'child_app_auto_installed',
    'org_app_installed', 'org_app_workspace_added', 'org_app_upgraded_to_org_install',
    'org_app_future_workspace_install_enabled'
  )
order by event_time desc, action, app_id
limit 1000
