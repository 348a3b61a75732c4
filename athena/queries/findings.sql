-- Findings
-- Events of the last 30 days that public detections for Slack audit logs look for, with a severity, most severe first.
-- Change: 30 (days), and in the list the severities and the minimum number of records in one clock hour.
with rules (severity, category, finding, at_least, actions) as (
  values
    ('critical', 'encryption keys', 'key management ends for a workspace: Slack holds its keys', 1, array[
      'ekm_unenrolled'
    ]),
    ('critical', 'encryption keys', 'an encryption key is removed', 1, array['ekm_key_removed']),
    ('high', 'encryption keys', 'an encryption key is added, or the log of key use changes', 1, array[
      'ekm_key_added', 'ekm_logging_config_set'
    ]),
    ('high', 'encryption keys', 'Slack announces that key management ends or that its log changes', 1, array[
      'ekm_slackbot_unenroll_notification_sent', 'ekm_slackbot_logging_notification_sent'
    ]),
    ('medium', 'encryption keys', 'keys are enrolled, replaced or revoked', 1, array[
      'ekm_enrolled', 'ekm_clear_cache_set', 'ekm_slackbot_enroll_notification_sent',
      'ekm_slackbot_rekey_notification_sent'
    ]),
    ('high', 'sign-in', 'single sign-on settings change', 1, array[
      'pref.sso_setting_changed', 'enterprise_managed_auth_disabled', 'enterprise_managed_auth_rebound'
    ]),
    ('high', 'sign-in', 'an identity provider is added, changed or removed', 1, array[
      'idp_configuration_added', 'idp_configuration_deleted', 'idp_prod_configuration_updated'
    ]),
    ('high', 'sign-in', 'two-factor authentication settings change', 1, array[
      'pref.two_factor_auth_changed', 'pref.two_factor_prevent_sms_changed'
    ]),
    ('high', 'sign-in', 'a sign-in policy no longer applies to a user or group', 1, array[
      'auth_policy_entity_removed'
    ]),
    ('medium', 'sign-in', 'other sign-in settings change', 1, array[
      'auth_policy_created', 'auth_policy_entity_assigned', 'enterprise_managed_auth_enabled',
      'idp_test_configuration_updated', 'pref.sso_sync_with_provider',
      'pref.mobile_secondary_auth_timeout_changed', 'pref.sign_in_with_slack_disabled'
    ]),
    ('high', 'accounts', 'Slack logs out a compromised device or resets a password for security', 1, array[
      'user_logout_compromised', 'user_password_reset_slack_security'
    ]),
    ('medium', 'accounts', 'an account changes its email address or password, or is merged', 1, array[
      'user_email_updated', 'user_password_reset_by_admin', 'user_merged'
    ]),
    ('low', 'accounts', 'a passkey is added or removed, or a user is reactivated', 1, array[
      'user_passkey_created', 'user_passkey_removed', 'user_reactivated'
    ]),
    ('medium', 'accounts', 'one user fails to log in 10 times within an hour', 10, array['user_login_failed']),
    ('medium', 'accounts', 'one actor creates or deactivates 20 users within an hour', 20, array[
      'user_created', 'user_deactivated', 'guest_deactivated'
    ]),
    ('medium', 'sessions', 'sessions of many users are reset at once', 1, array[
      'bulk_session_reset_by_admin', 'user_sessions_reset_by_circuit_breaker'
    ]),
    ('medium', 'sessions', 'session lifetime settings change', 1, array[
      'pref.session_duration_changed', 'pref.session_duration_type_changed',
      'pref.mobile_session_duration_changed', 'user_session_settings_changed'
    ]),
    ('medium', 'sessions', 'one actor resets or ends sessions of users 20 times within an hour', 20, array[
      'user_session_reset_by_admin', 'user_session_invalidated'
    ]),
    ('medium', 'sessions', 'Slack resets the sessions of a user in response to an anomaly', 1, array[
      'user_sessions_reset_by_anomaly_event_response'
    ]),
    ('high', 'devices and networks', 'device management or the IP allowlist is disabled', 1, array[
      'intune_disabled', 'ip_allowlist_disabled'
    ]),
    ('high', 'devices and networks', 'download restrictions for untrusted devices or networks change', 1, array[
      'pref.block_download_and_copy_on_untrusted_mobile', 'pref.block_file_download_for_unapproved_ip'
    ]),
    ('medium', 'devices and networks', 'allowed addresses, devices, browsers or versions change', 1, array[
      'team_authorized_ip_range_added', 'team_authorized_ip_range_removed', 'team_authorized_ip_range_set',
      'pref.enterprise_mobile_device_check', 'pref.ent_browser_control', 'pref.ent_required_browser',
      'pref.required_minimum_desktop_version_changed', 'pref.required_minimum_mobile_version_changed'
    ]),
    ('low', 'devices and networks', 'device management or the IP allowlist is enabled or blocks access', 1, array[
      'intune_enabled', 'ip_allowlist_enabled', 'ip_allowlist_access_denied'
    ]),
    ('critical', 'domains and organizations', 'an organization is deleted', 1, array['organization_deleted']),
    ('high', 'domains and organizations',
      'a workspace is deleted, or the organization changes its domain or loses its verification', 1, array[
      'workspace_deleted', 'organization_domain_changed', 'organization_unverified', 'org_unverified'
    ]),
    ('high', 'domains and organizations', 'a domain is verified, unverified, deleted or opened for joining', 1, array[
      'domain_email_unrestricted', 'domain_verified', 'domain_unverified', 'domain_deleted'
    ]),
    ('medium', 'domains and organizations',
      'a domain or workspace is added, or a workspace joins an organization', 1, array[
      'domain_created', 'domain_email_restricted', 'workspace_created', 'organization_accepted_migration',
      'workspace_accepted_migration', 'organization_public_url_updated', 'org_public_url_updated'
    ]),
    ('low', 'domains and organizations', 'an organization is created', 1, array['organization_created']),
    ('high', 'data loss prevention', 'a rule is deactivated, or access to violations changes', 1, array[
      'native_dlp_rule_deactivated', 'pref.dlp_access_changed'
    ]),
    ('medium', 'data loss prevention', 'a rule is edited or triggered, or a violation is deleted', 1, array[
      'native_dlp_rule_edited', 'native_dlp_rule_action_applied', 'native_dlp_violation_deleted'
    ]),
    ('low', 'data loss prevention', 'a rule is created or reactivated', 1, array[
      'native_dlp_rule_created', 'native_dlp_rule_reactivated'
    ]),
    ('high', 'information barriers', 'a barrier is deleted or changed', 1, array[
      'barrier_deleted', 'barrier_updated'
    ]),
    ('low', 'information barriers', 'a barrier is created', 1, array['barrier_created']),
    ('high', 'legal holds', 'a hold is released or covers less', 1, array[
      'legal_hold_policy_released', 'legal_hold_policy_entities_deleted', 'legal_hold_policy_exclusion_added'
    ]),
    ('medium', 'legal holds', 'a hold changes', 1, array['legal_hold_policy_updated']),
    ('low', 'legal holds', 'a hold is created, reactivated or covers more', 1, array[
      'legal_hold_policy_created', 'legal_hold_policy_entities_added', 'legal_hold_policy_exclusion_deleted',
      'legal_hold_policy_reactivated'
    ]),
    ('high', 'retention', 'audit log retention or the date of data deletion changes', 1, array[
      'pref.ext_audit_log_retention_duration_changed', 'pref.ext_audit_log_retention_type_changed',
      'data_deletion_date_changed'
    ]),
    ('medium', 'retention', 'message or file retention changes', 1, array[
      'channel_retention_changed', 'pref.public_channel_retention_changed',
      'pref.private_channel_retention_changed', 'pref.dm_retention_changed', 'pref.file_retention_changed',
      'pref.canvas_retention_changed', 'pref.retention_override_changed', 'pref.admin_retention_override_changed',
      'pref.public_record_channel_retention_changed', 'pref.public_record_channel_retention_duration_changed',
      'pref.private_record_channel_retention_changed', 'pref.private_record_channel_retention_duration_changed'
    ]),
    ('medium', 'retention', 'retention of deleted messages or the right to delete changes', 1, array[
      'pref.dm_retention_redaction_duration', 'pref.public_retention_redaction_duration',
      'pref.private_retention_redaction_duration', 'pref.public_record_channel_redaction_duration_changed',
      'pref.private_record_channel_redaction_duration_changed', 'pref.allow_message_deletion'
    ]),
    ('critical', 'malware and abuse', 'Slack finds malware in a file', 1, array['file_malicious_content_detected']),
    ('medium', 'malware and abuse',
      'a workflow watches for suspicious keywords or receives a suspicious prompt', 1, array[
      'workflow_trigger_suspicious_keyword', 'workflow_ai_answer_suspicious_prompt'
    ]),
    ('low', 'malware and abuse', 'a policy blocks a file', 1, array[
      'file_download_blocked', 'file_downloaded_blocked', 'file_upload_blocked_by_type',
      'file_share_blocked_by_type'
    ]),
    ('high', 'malware and abuse', 'one actor deletes 100 files or channels within an hour', 100, array[
      'file_deleted', 'canvas_deleted', 'list_deleted', 'public_channel_deleted', 'private_channel_deleted'
    ]),
    ('critical', 'privileges', 'ownership is transferred, or an Org Owner is created', 1, array[
      'owner_transferred', 'service_owner_transferred', 'org_owner_created'
    ]),
    ('high', 'privileges', 'a user becomes an owner or admin, or receives a role or permission', 1, array[
      'role_change_to_owner', 'role_change_to_admin', 'role_assigned', 'permissions_assigned',
      'role_added_to_usergroup'
    ]),
    ('medium', 'privileges', 'a user loses a role or permission, or a role changes', 1, array[
      'role_change_to_user', 'role_removed', 'permissions_removed', 'role_created', 'role_updated', 'role_deleted',
      'role_modified_on_usergroup', 'role_removed_from_usergroup'
    ]),
    ('high', 'exposure', 'a private channel becomes public', 1, array[
      'private_channel_converted_to_public', 'group_converted_to_channel'
    ]),
    ('medium', 'exposure', 'invitation settings change', 1, array[
      'pref.invites_only_admins', 'pref.invites_only_admins_changed', 'pref.invite_requests_approval_channel',
      'pref.invite_requests_approval_channel_changed'
    ]),
    ('high', 'exposure', 'one actor sends 20 invitations to guests or outsiders within an hour', 20, array[
      'guest_created', 'connect_dm_invite_generated', 'external_shared_channel_invite_created',
      'external_shared_channel_invite_sent'
    ]),
    ('high', 'apps', 'app approval rules change', 1, array[
      'pref.app_whitelist_enabled', 'pref.app_dir_only', 'app_allowlist_rule_activated',
      'app_allowlist_rule_created', 'app_allowlist_rule_deactivated', 'app_allowlist_rule_deleted',
      'app_allowlist_rule_updated', 'app_allowlist_scopes_rating_updated'
    ]),
    ('low', 'apps', 'an app is removed or restricted', 1, array[
      'app_uninstalled', 'org_app_uninstalled', 'org_app_workspace_removed', 'app_restricted',
      'app_removed_from_whitelist', 'app_deleted', 'bot_token_downgraded'
    ])
),
named (severity, category, finding, at_least, action) as (
  select severity, category, finding, at_least, action
  from rules
  cross join unnest(actions) as listed (action)
),
events as (
  select
    *,
    coalesce(actor_email, actor_name, actor_id) as performer,
    coalesce(
      target_user_email, target_user_name, target_user_id, external_user_email, entity_email, entity_name, entity_id
    ) as target
  from audit_events
  where day >= date_format(current_date - interval '30' day, '%Y/%m/%d')
)
select
  min(events.event_time) as event_time,
  named.severity,
  named.category,
  named.finding,
  min_by(events.action, events.event_time) as action,
  events.performer as actor,
  min_by(events.target, events.event_time) as target,
  count(*) as times,
  min_by(events.location_name, events.event_time) as location_name,
  min_by(events.previous_value, events.event_time) as previous_value,
  min_by(events.new_value, events.event_time) as new_value,
  min_by(events.ip, events.event_time) as ip,
  min_by(events.user_agent, events.event_time) as user_agent,
  min_by(events.details, events.event_time) as details,
  min_by(events.p_row_id, events.event_time) as p_row_id
from events
join named on named.action = events.action
group by
  named.severity,
  named.category,
  named.finding,
  named.at_least,
  events.performer,
  case when named.at_least > 1 then date_format(events.event_time, '%Y/%m/%d %H') else events.p_row_id end
having count(*) >= named.at_least
order by
  case named.severity when 'critical' then 1 when 'high' then 2 when 'medium' then 3 else 4 end,
  event_time desc, category, p_row_id
limit 1000
