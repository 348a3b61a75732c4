-- Audit records in typed columns, with the contents of actor, entity and context and some of details. Filter by day.
create or replace view audit_events as
select
  day,
  p_event_time as event_time,
  action,
  json_extract_scalar(actor, '$.type') as actor_type,
  try(coalesce(
    json_extract_scalar(actor, '$.user.id'),
    json_extract_scalar(actor, '$.app.id'),
    json_extract_scalar(actor, '$.' || json_extract_scalar(actor, '$.type') || '.id')
  )) as actor_id,
  try(coalesce(
    json_extract_scalar(actor, '$.user.name'),
    json_extract_scalar(actor, '$.app.name'),
    json_extract_scalar(actor, '$.' || json_extract_scalar(actor, '$.type') || '.name')
  )) as actor_name,
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
  nullif(json_extract_scalar(context, '$.ua'), '') as user_agent,
  json_extract_scalar(context, '$.session_id') as session_id,
  json_extract_scalar(context, '$.location.type') as location_type,
  json_extract_scalar(context, '$.location.id') as location_id,
  json_extract_scalar(context, '$.location.name') as location_name,
  json_extract_scalar(context, '$.location.domain') as location_domain,
  nullif(json_format(json_extract(context, '$.app')), 'null') as app,
  json_extract_scalar(context, '$.acting_agent') as acting_agent,
  coalesce(
    json_extract_scalar(opened, '$.new_value'),
    nullif(json_format(json_extract(opened, '$.new_value')), 'null')
  ) as new_value,
  coalesce(
    json_extract_scalar(opened, '$.previous_value'),
    nullif(json_format(json_extract(opened, '$.previous_value')), 'null')
  ) as previous_value,
  coalesce(
    filter(
      transform(try_cast(json_extract(opened, '$.reason') as array(json)), item -> json_extract_scalar(item, '$')),
      item -> item is not null
    ),
    case
      when json_extract_scalar(opened, '$.reason') <> '' then array[json_extract_scalar(opened, '$.reason')]
    end
  ) as reasons,
  try(case
    when try_cast(json_extract_scalar(opened, '$.action_timestamp') as double) > 1e14
    then cast(from_unixtime(try_cast(json_extract_scalar(opened, '$.action_timestamp') as double) / 1e6) as timestamp)
    else cast(from_unixtime(try_cast(json_extract_scalar(opened, '$.action_timestamp') as double) / 1e3) as timestamp)
  end) as acted_at,
  nullif(json_extract_scalar(opened, '$.previous_ip_address'), '') as previous_ip,
  nullif(json_extract_scalar(opened, '$.previous_ua'), '') as previous_user_agent,
  nullif(array_sort(array_distinct(filter(
    flatten(transform(
      flatten(transform(
        parts,
        part -> array[
          json_extract(part, '$.new_scopes'),
          json_extract(part, '$.scopes'),
          json_extract(part, '$.bot_scopes'),
          json_extract(part, '$.scopes_bot')
        ] || coalesce(
          transform(
            try_cast(json_extract(part, '$.permissions') as array(json)),
            permission -> json_extract(permission, '$.scopes')
          ),
          array[]
        )
      )) || array[
        json_extract(entity, '$.app.scopes'),
        json_extract(entity, '$.app.bot_scopes'),
        json_extract(entity, '$.app.scopes_bot')
      ],
      granted -> coalesce(
        transform(coalesce(
          try_cast(granted as array(json)),
          try_cast(json_extract(json_extract_scalar(granted, '$'), '$') as array(json)),
          map_values(try_cast(granted as map(varchar, json)))
        ), item -> json_extract_scalar(item, '$')),
        split(json_extract_scalar(granted, '$'), ','),
        array[]
      )
    )),
    scope -> regexp_like(scope, '^[A-Za-z][A-Za-z0-9_.:-]*$')
  ))), array[]) as scopes,
  nullif(array_sort(array_distinct(filter(
    flatten(transform(
      flatten(transform(
        parts,
        part -> array[json_extract(part, '$.previous_scopes'), json_extract(part, '$.old_scopes')]
      )),
      granted -> coalesce(
        transform(coalesce(
          try_cast(granted as array(json)),
          try_cast(json_extract(json_extract_scalar(granted, '$'), '$') as array(json)),
          map_values(try_cast(granted as map(varchar, json)))
        ), item -> json_extract_scalar(item, '$')),
        split(json_extract_scalar(granted, '$'), ','),
        array[]
      )
    )),
    scope -> regexp_like(scope, '^[A-Za-z][A-Za-z0-9_.:-]*$')
  ))), array[]) as previous_scopes,
  json_extract_scalar(opened, '$.external_organization_id') as external_organization_id,
  json_extract_scalar(opened, '$.external_organization_name') as external_organization_name,
  json_extract_scalar(opened, '$.external_user_email') as external_user_email,
  coalesce(
    json_extract_scalar(opened, '$.inviter.user.id'),
    json_extract_scalar(opened, '$.inviter.id')
  ) as inviter_id,
  coalesce(
    nullif(array_join(transform(targets, target -> coalesce(
      json_extract_scalar(target, '$.user.id'),
      json_extract_scalar(target, '$.id'),
      case when json_extract_scalar(target, '$') not like '%@%' then json_extract_scalar(target, '$') end
    )), ','), ''),
    json_extract_scalar(opened, '$.target_user_id')
  ) as target_user_id,
  nullif(array_join(transform(targets, target -> coalesce(
    json_extract_scalar(target, '$.user.name'),
    json_extract_scalar(target, '$.name')
  )), ','), '') as target_user_name,
  nullif(array_join(transform(targets, target -> coalesce(
    json_extract_scalar(target, '$.user.email'),
    json_extract_scalar(target, '$.email'),
    case when json_extract_scalar(target, '$') like '%@%' then json_extract_scalar(target, '$') end
  )), ','), '') as target_user_email,
  coalesce(
    json_extract_scalar(entity, '$.app.id'),
    json_extract_scalar(entity, '$.app.app_id'),
    json_extract_scalar(opened, '$.app_id')
  ) as app_id,
  json_extract_scalar(entity, '$.app.name') as app_name,
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
    end as hextets,
    coalesce(
      try_cast(coalesce(
        json_extract(json_extract_scalar(opened, '$.target_user'), '$'),
        json_extract(opened, '$.target_user')
      ) as array(json)),
      array[coalesce(
        json_extract(json_extract_scalar(opened, '$.target_user'), '$'),
        json_extract(opened, '$.target_user')
      )]
    ) as targets
  from (
    select
      *,
      lower(json_extract_scalar(context, '$.ip_address')) as address,
      regexp_replace(
        lower(json_extract_scalar(context, '$.ip_address')), '([0-9]+[.]){3}[0-9]+$', '0:0'
      ) as wide,
      coalesce(try_cast(json_extract(details, '$') as array(json)), array[json_extract(details, '$')]) as parts,
      coalesce(
        '{' || array_join(transform(
          filter(try_cast(json_extract(details, '$') as array(json)), part -> json_format(part) like '{"%'),
          part -> substr(json_format(part), 2, length(json_format(part)) - 2)
        ), ',') || '}',
        details
      ) as opened
    from audit
  )
)
