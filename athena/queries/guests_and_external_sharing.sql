-- Guests and external sharing
-- Changes to guests, to channels and messages shared with other organizations, and to public links in the last 30 days.
-- Change: 30 (days).
select
  event_time,
  action,
  coalesce(actor_email, actor_name, actor_id) as actor,
  entity_type,
  coalesce(entity_email, entity_name, entity_id) as target,
  coalesce(external_organization_name, external_user_email, external_organization_id) as outside,
  ip,
  details
from audit_events
where day >= date_format(current_date - interval '30' day, '%Y/%m/%d')
  and (
    regexp_like(action, '^(guest_|external_shared_|external_user_|connect_dm_|slack_connect_|pref[.]slack_connect_)')
    or regexp_like(action, '^(approved_orgs_|file_public_link_)')
    or action in (
      'role_change_to_guest', 'pref.max_guest_duration', 'pre.max_guest_duration', 'pref.who_can_manage_guests',
      'pref.who_can_manage_ext_shared_channels', 'pref.disallow_public_file_urls', 'canvas_linksharing_enabled',
      'list_linksharing_enabled'
    )
  )
order by event_time desc, action, target
limit 1000
