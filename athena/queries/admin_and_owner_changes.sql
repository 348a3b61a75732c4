-- Admin and owner changes
-- Who granted or removed admin, owner and other roles or permissions, and for which user, in the last 30 days.
-- Change: 30 (days). The target_user columns describe the user in details, or else the user in entity.
with changes as (
  select
    *,
    entity_type = 'user' and coalesce(target_user_id, target_user_name, target_user_email) is null as is_of_entity
  from audit_events
  where day >= date_format(current_date - interval '30' day, '%Y/%m/%d')
    and action in (
      'owner_transferred', 'service_owner_transferred', 'org_owner_created',
      'role_change_to_owner', 'role_change_to_admin', 'role_change_to_user',
      'role_assigned', 'role_removed', 'role_created', 'role_updated', 'role_deleted',
      'role_added_to_usergroup', 'role_modified_on_usergroup', 'role_removed_from_usergroup',
      'permissions_assigned', 'permissions_removed'
    )
),
users as ( -- if a record has only the ID of target_user, the name comes from that user's last record with a name
  select
    actor_id as id,
    max_by(actor_name, event_time) filter (where actor_name is not null) as name,
    max_by(actor_email, event_time) filter (where actor_email is not null) as email
  from audit_events
  where day >= date_format(current_date - interval '30' day, '%Y/%m/%d') and actor_type = 'user'
  group by actor_id
)
select
  changes.event_time,
  changes.action,
  coalesce(changes.actor_email, changes.actor_name, changes.actor_id) as actor,
  case when changes.is_of_entity then changes.entity_id else changes.target_user_id end as target_user_id,
  case
    when changes.is_of_entity then changes.entity_name
    else coalesce(changes.target_user_name, users.name)
  end as target_user_name,
  case
    when changes.is_of_entity then changes.entity_email
    else coalesce(changes.target_user_email, users.email)
  end as target_user_email,
  changes.entity_type,
  coalesce(changes.entity_email, changes.entity_name, changes.entity_id) as entity,
  changes.location_name,
  changes.previous_value,
  changes.new_value,
  changes.ip,
  changes.details
from changes
left join users on users.id = changes.target_user_id
order by changes.event_time desc, changes.action, entity
limit 1000
