-- Admin and owner changes
-- Who made whom an admin or owner, or gave or took a role or a permission, in the last 30 days.
-- Change: 30 (days).
select
  event_time,
  action,
  coalesce(actor_email, actor_name, actor_id) as actor,
  coalesce(entity_email, entity_name, entity_id) as target,
  entity_type as target_type,
  location_name,
  previous_value,
  new_value,
  ip,
  details
from audit_events
where day >= date_format(current_date - interval '30' day, '%Y/%m/%d')
  and action in (
    'owner_transferred', 'service_owner_transferred', 'org_owner_created',
    'role_change_to_owner', 'role_change_to_admin', 'role_change_to_user',
    'role_assigned', 'role_removed', 'role_created', 'role_updated', 'role_deleted',
    'role_added_to_usergroup', 'role_modified_on_usergroup', 'role_removed_from_usergroup',
    'permissions_assigned', 'permissions_removed'
  )
order by event_time desc, action, target
limit 1000
