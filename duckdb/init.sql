-- The views and saved queries of athena/ for DuckDB, over a directory that `slacktrail pull` writes. Run in that directory:
--
--     duckdb -init init.sql -c 'from logins_from_new_places'
--
-- `from queries` lists the saved queries. Each one is a view, and a macro whose parameters can be changed:
--
--     from logins_from_new_places(days := 0)
--     from who_did_what_today(today := '2026-11-22')
--     from actor_timeline('ann@example.com', days := 30)
--
-- `today` sets the day that a query takes for today. It reads no later day.
-- If a log has no file yet, its tables are empty. After the first file arrives, run this file again: `.read init.sql`.
-- Needs DuckDB 1.3 or newer. Times are UTC.
-- Generated from athena/ by `make sql`. Edit athena/, not this file.

SET TimeZone = 'UTC';

-- Slack access logs: where each user was first seen, with which device.
SET VARIABLE access_rows = (SELECT CASE WHEN count(*) > 0 THEN 'FROM read_json(
  ''access/*/*/*/*.json.gz'',
  format = ''newline_delimited'',
  filename = true,
  ignore_errors = true,
  columns = {
    user_id: ''VARCHAR'',
    username: ''VARCHAR'',
    date_first: ''VARCHAR'',
    date_last: ''VARCHAR'',
    count: ''VARCHAR'',
    ip: ''VARCHAR'',
    user_agent: ''VARCHAR'',
    isp: ''VARCHAR'',
    country: ''VARCHAR'',
    region: ''VARCHAR'',
    p_log_type: ''VARCHAR'',
    p_row_id: ''VARCHAR'',
    p_event_time: ''TIMESTAMP'',
    p_parse_time: ''TIMESTAMP'',
    p_source_id: ''VARCHAR'',
    p_source_label: ''VARCHAR'',
    p_workspace_id: ''VARCHAR'',
    p_any_ip_addresses: ''VARCHAR[]'',
    p_any_emails: ''VARCHAR[]'',
    p_any_usernames: ''VARCHAR[]'',
    p_row: ''VARCHAR''
  }
)' ELSE 'SELECT NULL::VARCHAR AS user_id, NULL::VARCHAR AS username, NULL::VARCHAR AS date_first, NULL::VARCHAR AS date_last, NULL::VARCHAR AS count, NULL::VARCHAR AS ip, NULL::VARCHAR AS user_agent, NULL::VARCHAR AS isp, NULL::VARCHAR AS country, NULL::VARCHAR AS region, NULL::VARCHAR AS p_log_type, NULL::VARCHAR AS p_row_id, NULL::TIMESTAMP AS p_event_time, NULL::TIMESTAMP AS p_parse_time, NULL::VARCHAR AS p_source_id, NULL::VARCHAR AS p_source_label, NULL::VARCHAR AS p_workspace_id, NULL::VARCHAR[] AS p_any_ip_addresses, NULL::VARCHAR[] AS p_any_emails, NULL::VARCHAR[] AS p_any_usernames, NULL::VARCHAR AS p_row, NULL::VARCHAR AS filename WHERE false' END FROM glob('access/*/*/*/*.json.gz'));
CREATE OR REPLACE VIEW access AS
SELECT
  * EXCLUDE (filename),
  regexp_extract(filename, '([0-9]{4}/[0-9]{2}/[0-9]{2})/[^/]+$', 1) AS day,
  filename AS "$path"
FROM query(getvariable('access_rows'));

-- Slack audit logs: who did what.
SET VARIABLE audit_rows = (SELECT CASE WHEN count(*) > 0 THEN 'FROM read_json(
  ''audit/*/*/*/*.json.gz'',
  format = ''newline_delimited'',
  filename = true,
  ignore_errors = true,
  columns = {
    id: ''VARCHAR'',
    date_create: ''VARCHAR'',
    action: ''VARCHAR'',
    actor: ''VARCHAR'',
    entity: ''VARCHAR'',
    context: ''VARCHAR'',
    details: ''VARCHAR'',
    p_log_type: ''VARCHAR'',
    p_row_id: ''VARCHAR'',
    p_event_time: ''TIMESTAMP'',
    p_parse_time: ''TIMESTAMP'',
    p_source_id: ''VARCHAR'',
    p_source_label: ''VARCHAR'',
    p_any_ip_addresses: ''VARCHAR[]'',
    p_any_emails: ''VARCHAR[]'',
    p_any_usernames: ''VARCHAR[]'',
    p_row: ''VARCHAR''
  }
)' ELSE 'SELECT NULL::VARCHAR AS id, NULL::VARCHAR AS date_create, NULL::VARCHAR AS action, NULL::VARCHAR AS actor, NULL::VARCHAR AS entity, NULL::VARCHAR AS context, NULL::VARCHAR AS details, NULL::VARCHAR AS p_log_type, NULL::VARCHAR AS p_row_id, NULL::TIMESTAMP AS p_event_time, NULL::TIMESTAMP AS p_parse_time, NULL::VARCHAR AS p_source_id, NULL::VARCHAR AS p_source_label, NULL::VARCHAR[] AS p_any_ip_addresses, NULL::VARCHAR[] AS p_any_emails, NULL::VARCHAR[] AS p_any_usernames, NULL::VARCHAR AS p_row, NULL::VARCHAR AS filename WHERE false' END FROM glob('audit/*/*/*/*.json.gz'));
CREATE OR REPLACE VIEW audit AS
SELECT
  * EXCLUDE (filename),
  regexp_extract(filename, '([0-9]{4}/[0-9]{2}/[0-9]{2})/[^/]+$', 1) AS day,
  filename AS "$path"
FROM query(getvariable('audit_rows'));

-- Slack integration logs: changes to apps, services and feeds.
SET VARIABLE integration_rows = (SELECT CASE WHEN count(*) > 0 THEN 'FROM read_json(
  ''integration/*/*/*/*.json.gz'',
  format = ''newline_delimited'',
  filename = true,
  ignore_errors = true,
  columns = {
    user_id: ''VARCHAR'',
    user_name: ''VARCHAR'',
    date: ''VARCHAR'',
    change_type: ''VARCHAR'',
    app_id: ''VARCHAR'',
    app_type: ''VARCHAR'',
    service_id: ''VARCHAR'',
    service_type: ''VARCHAR'',
    scope: ''VARCHAR'',
    channel: ''VARCHAR'',
    reason: ''VARCHAR'',
    rss_feed: ''VARCHAR'',
    rss_feed_change_type: ''VARCHAR'',
    rss_feed_title: ''VARCHAR'',
    rss_feed_url: ''VARCHAR'',
    resolution: ''VARCHAR'',
    admin_app_id: ''VARCHAR'',
    p_log_type: ''VARCHAR'',
    p_row_id: ''VARCHAR'',
    p_event_time: ''TIMESTAMP'',
    p_parse_time: ''TIMESTAMP'',
    p_source_id: ''VARCHAR'',
    p_source_label: ''VARCHAR'',
    p_workspace_id: ''VARCHAR'',
    p_any_ip_addresses: ''VARCHAR[]'',
    p_any_emails: ''VARCHAR[]'',
    p_any_usernames: ''VARCHAR[]'',
    p_row: ''VARCHAR''
  }
)' ELSE 'SELECT NULL::VARCHAR AS user_id, NULL::VARCHAR AS user_name, NULL::VARCHAR AS date, NULL::VARCHAR AS change_type, NULL::VARCHAR AS app_id, NULL::VARCHAR AS app_type, NULL::VARCHAR AS service_id, NULL::VARCHAR AS service_type, NULL::VARCHAR AS scope, NULL::VARCHAR AS channel, NULL::VARCHAR AS reason, NULL::VARCHAR AS rss_feed, NULL::VARCHAR AS rss_feed_change_type, NULL::VARCHAR AS rss_feed_title, NULL::VARCHAR AS rss_feed_url, NULL::VARCHAR AS resolution, NULL::VARCHAR AS admin_app_id, NULL::VARCHAR AS p_log_type, NULL::VARCHAR AS p_row_id, NULL::TIMESTAMP AS p_event_time, NULL::TIMESTAMP AS p_parse_time, NULL::VARCHAR AS p_source_id, NULL::VARCHAR AS p_source_label, NULL::VARCHAR AS p_workspace_id, NULL::VARCHAR[] AS p_any_ip_addresses, NULL::VARCHAR[] AS p_any_emails, NULL::VARCHAR[] AS p_any_usernames, NULL::VARCHAR AS p_row, NULL::VARCHAR AS filename WHERE false' END FROM glob('integration/*/*/*/*.json.gz'));
CREATE OR REPLACE VIEW integration AS
SELECT
  * EXCLUDE (filename),
  regexp_extract(filename, '([0-9]{4}/[0-9]{2}/[0-9]{2})/[^/]+$', 1) AS day,
  filename AS "$path"
FROM query(getvariable('integration_rows'));

-- Access records in typed columns: a user, an IP address and a device when first seen together. Filter by day.
CREATE OR REPLACE VIEW access_events AS
SELECT
  day,
  p_event_time AS event_time,
  user_id,
  username,
  NULLIF(ip, '') AS ip,
  CASE
    WHEN REGEXP_MATCHES(
      address,
      '^([0:]*:(ffff:)?)?((25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})[.]){3}' || '(25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})$'
    )
    THEN CASE
      WHEN REGEXP_MATCHES(address, '([0-9]+[.][0-9]+[.][0-9]+)[.][0-9]+$')
      THEN REGEXP_EXTRACT(address, '([0-9]+[.][0-9]+[.][0-9]+)[.][0-9]+$', 1)
    END || '.0/24'
    WHEN ARRAY_LENGTH(hextets) = 8
    THEN REGEXP_REPLACE(
      ARRAY_TO_STRING(
        LIST_TRANSFORM(
          ARRAY_SLICE(hextets, 1, 4),
          LAMBDA item : REGEXP_REPLACE(item, '^0*([0-9a-f]+)$', '\1', 'g')
        ),
        ':'
      ),
      '(:0)+$',
      '',
      'g'
    ) || '::/64'
  END AS network,
  NULLIF(country, '') AS country,
  NULLIF(region, '') AS region,
  NULLIF(isp, '') AS isp,
  user_agent,
  NULLIF(
    CASE
      WHEN REGEXP_MATCHES(user_agent, '^ApiApp/([A-Z0-9]+)')
      THEN REGEXP_EXTRACT(user_agent, '^ApiApp/([A-Z0-9]+)', 1)
    END,
    ''
  ) AS app_id,
  TRY(
    CAST(EPOCH_MS(
      CAST(ROUND(
        (
          CASE
            WHEN REGEXP_MATCHES(date_last, '^[+-]?[0-9]+$')
            THEN TRY_CAST(date_last AS BIGINT)
          END
        ) * 1000
      ) AS BIGINT)
    ) AS TIMESTAMP)
  ) AS last_seen,
  CASE WHEN REGEXP_MATCHES(count, '^[+-]?[0-9]+$') THEN TRY_CAST(count AS BIGINT) END AS accesses,
  p_row_id,
  p_parse_time,
  p_source_id,
  p_source_label
FROM (
  SELECT
    *,
    CASE
      WHEN REGEXP_MATCHES(wide, '^[0-9a-f]{0,4}(:[0-9a-f]{0,4}){2,8}$')
      THEN LIST_FILTER(
        STR_SPLIT(
          REPLACE(
            wide,
            '::',
            SUBSTRING(
              ':0:0:0:0:0:0:0:0',
              1,
              2 * (
                8 - ARRAY_LENGTH(LIST_FILTER(STR_SPLIT(wide, ':'), LAMBDA item : item <> ''))
              )
            ) || ':'
          ),
          ':'
        ),
        LAMBDA item : item <> ''
      )
    END AS hextets
  FROM (
    SELECT
      *,
      LOWER(ip) AS address,
      REGEXP_REPLACE(LOWER(ip), '([0-9]+[.]){3}[0-9]+$', '0:0', 'g') AS wide
    FROM access
  )
);

-- Audit records in typed columns, with the contents of actor, entity and context and some of details. Filter by day.
CREATE OR REPLACE VIEW audit_events AS
SELECT
  day,
  p_event_time AS event_time,
  action,
  TRY(
    (
      CASE
        WHEN JSON_TYPE(TRY(actor -> '$.type')) IN ('OBJECT', 'ARRAY')
        THEN NULL
        ELSE actor ->> '$.type'
      END
    )
  ) AS actor_type,
  TRY(
    COALESCE(
      TRY(
        (
          CASE
            WHEN JSON_TYPE(TRY(actor -> '$.user.id')) IN ('OBJECT', 'ARRAY')
            THEN NULL
            ELSE actor ->> '$.user.id'
          END
        )
      ),
      TRY(
        (
          CASE
            WHEN JSON_TYPE(TRY(actor -> '$.app.id')) IN ('OBJECT', 'ARRAY')
            THEN NULL
            ELSE actor ->> '$.app.id'
          END
        )
      ),
      TRY(
        (
          CASE
            WHEN JSON_TYPE(
              TRY(
                actor -> (
                  '$.' || TRY(
                    (
                      CASE
                        WHEN JSON_TYPE(TRY(actor -> '$.type')) IN ('OBJECT', 'ARRAY')
                        THEN NULL
                        ELSE actor ->> '$.type'
                      END
                    )
                  ) || '.id'
                )
              )
            ) IN ('OBJECT', 'ARRAY')
            THEN NULL
            ELSE actor ->> (
              '$.' || TRY(
                (
                  CASE
                    WHEN JSON_TYPE(TRY(actor -> '$.type')) IN ('OBJECT', 'ARRAY')
                    THEN NULL
                    ELSE actor ->> '$.type'
                  END
                )
              ) || '.id'
            )
          END
        )
      )
    )
  ) AS actor_id,
  TRY(
    COALESCE(
      TRY(
        (
          CASE
            WHEN JSON_TYPE(TRY(actor -> '$.user.name')) IN ('OBJECT', 'ARRAY')
            THEN NULL
            ELSE actor ->> '$.user.name'
          END
        )
      ),
      TRY(
        (
          CASE
            WHEN JSON_TYPE(TRY(actor -> '$.app.name')) IN ('OBJECT', 'ARRAY')
            THEN NULL
            ELSE actor ->> '$.app.name'
          END
        )
      ),
      TRY(
        (
          CASE
            WHEN JSON_TYPE(
              TRY(
                actor -> (
                  '$.' || TRY(
                    (
                      CASE
                        WHEN JSON_TYPE(TRY(actor -> '$.type')) IN ('OBJECT', 'ARRAY')
                        THEN NULL
                        ELSE actor ->> '$.type'
                      END
                    )
                  ) || '.name'
                )
              )
            ) IN ('OBJECT', 'ARRAY')
            THEN NULL
            ELSE actor ->> (
              '$.' || TRY(
                (
                  CASE
                    WHEN JSON_TYPE(TRY(actor -> '$.type')) IN ('OBJECT', 'ARRAY')
                    THEN NULL
                    ELSE actor ->> '$.type'
                  END
                )
              ) || '.name'
            )
          END
        )
      )
    )
  ) AS actor_name,
  TRY(
    (
      CASE
        WHEN JSON_TYPE(TRY(actor -> '$.user.email')) IN ('OBJECT', 'ARRAY')
        THEN NULL
        ELSE actor ->> '$.user.email'
      END
    )
  ) AS actor_email,
  TRY(
    (
      CASE
        WHEN JSON_TYPE(TRY(actor -> '$.user.team')) IN ('OBJECT', 'ARRAY')
        THEN NULL
        ELSE actor ->> '$.user.team'
      END
    )
  ) AS actor_team,
  TRY(
    (
      CASE
        WHEN JSON_TYPE(TRY(actor -> '$.user.account_type')) IN ('OBJECT', 'ARRAY')
        THEN NULL
        ELSE actor ->> '$.user.account_type'
      END
    )
  ) AS actor_account_type,
  TRY(
    (
      CASE
        WHEN JSON_TYPE(TRY(entity -> '$.type')) IN ('OBJECT', 'ARRAY')
        THEN NULL
        ELSE entity ->> '$.type'
      END
    )
  ) AS entity_type,
  TRY(
    COALESCE(
      TRY(
        (
          CASE
            WHEN JSON_TYPE(
              TRY(
                entity -> (
                  '$.' || TRY(
                    (
                      CASE
                        WHEN JSON_TYPE(TRY(entity -> '$.type')) IN ('OBJECT', 'ARRAY')
                        THEN NULL
                        ELSE entity ->> '$.type'
                      END
                    )
                  ) || '.id'
                )
              )
            ) IN ('OBJECT', 'ARRAY')
            THEN NULL
            ELSE entity ->> (
              '$.' || TRY(
                (
                  CASE
                    WHEN JSON_TYPE(TRY(entity -> '$.type')) IN ('OBJECT', 'ARRAY')
                    THEN NULL
                    ELSE entity ->> '$.type'
                  END
                )
              ) || '.id'
            )
          END
        )
      ),
      TRY(
        (
          CASE
            WHEN JSON_TYPE(
              TRY(
                entity -> (
                  '$.' || TRY(
                    (
                      CASE
                        WHEN JSON_TYPE(TRY(entity -> '$.type')) IN ('OBJECT', 'ARRAY')
                        THEN NULL
                        ELSE entity ->> '$.type'
                      END
                    )
                  ) || '.app_id'
                )
              )
            ) IN ('OBJECT', 'ARRAY')
            THEN NULL
            ELSE entity ->> (
              '$.' || TRY(
                (
                  CASE
                    WHEN JSON_TYPE(TRY(entity -> '$.type')) IN ('OBJECT', 'ARRAY')
                    THEN NULL
                    ELSE entity ->> '$.type'
                  END
                )
              ) || '.app_id'
            )
          END
        )
      ),
      TRY(
        (
          CASE
            WHEN JSON_TYPE(
              TRY(
                entity -> (
                  '$.' || TRY(
                    (
                      CASE
                        WHEN JSON_TYPE(TRY(entity -> '$.type')) IN ('OBJECT', 'ARRAY')
                        THEN NULL
                        ELSE entity ->> '$.type'
                      END
                    )
                  ) || '.channel'
                )
              )
            ) IN ('OBJECT', 'ARRAY')
            THEN NULL
            ELSE entity ->> (
              '$.' || TRY(
                (
                  CASE
                    WHEN JSON_TYPE(TRY(entity -> '$.type')) IN ('OBJECT', 'ARRAY')
                    THEN NULL
                    ELSE entity ->> '$.type'
                  END
                )
              ) || '.channel'
            )
          END
        )
      )
    )
  ) AS entity_id,
  TRY(
    COALESCE(
      NULLIF(
        TRY(
          (
            CASE
              WHEN JSON_TYPE(
                TRY(
                  entity -> (
                    '$.' || TRY(
                      (
                        CASE
                          WHEN JSON_TYPE(TRY(entity -> '$.type')) IN ('OBJECT', 'ARRAY')
                          THEN NULL
                          ELSE entity ->> '$.type'
                        END
                      )
                    ) || '.name'
                  )
                )
              ) IN ('OBJECT', 'ARRAY')
              THEN NULL
              ELSE entity ->> (
                '$.' || TRY(
                  (
                    CASE
                      WHEN JSON_TYPE(TRY(entity -> '$.type')) IN ('OBJECT', 'ARRAY')
                      THEN NULL
                      ELSE entity ->> '$.type'
                    END
                  )
                ) || '.name'
              )
            END
          )
        ),
        ''
      ),
      NULLIF(
        TRY(
          (
            CASE
              WHEN JSON_TYPE(
                TRY(
                  entity -> (
                    '$.' || TRY(
                      (
                        CASE
                          WHEN JSON_TYPE(TRY(entity -> '$.type')) IN ('OBJECT', 'ARRAY')
                          THEN NULL
                          ELSE entity ->> '$.type'
                        END
                      )
                    ) || '.title'
                  )
                )
              ) IN ('OBJECT', 'ARRAY')
              THEN NULL
              ELSE entity ->> (
                '$.' || TRY(
                  (
                    CASE
                      WHEN JSON_TYPE(TRY(entity -> '$.type')) IN ('OBJECT', 'ARRAY')
                      THEN NULL
                      ELSE entity ->> '$.type'
                    END
                  )
                ) || '.title'
              )
            END
          )
        ),
        ''
      ),
      TRY(
        (
          CASE
            WHEN JSON_TYPE(
              TRY(
                entity -> (
                  '$.' || TRY(
                    (
                      CASE
                        WHEN JSON_TYPE(TRY(entity -> '$.type')) IN ('OBJECT', 'ARRAY')
                        THEN NULL
                        ELSE entity ->> '$.type'
                      END
                    )
                  ) || '.template_name'
                )
              )
            ) IN ('OBJECT', 'ARRAY')
            THEN NULL
            ELSE entity ->> (
              '$.' || TRY(
                (
                  CASE
                    WHEN JSON_TYPE(TRY(entity -> '$.type')) IN ('OBJECT', 'ARRAY')
                    THEN NULL
                    ELSE entity ->> '$.type'
                  END
                )
              ) || '.template_name'
            )
          END
        )
      )
    )
  ) AS entity_name,
  TRY(
    (
      CASE
        WHEN JSON_TYPE(TRY(entity -> '$.user.email')) IN ('OBJECT', 'ARRAY')
        THEN NULL
        ELSE entity ->> '$.user.email'
      END
    )
  ) AS entity_email,
  NULLIF(
    TRY(
      (
        CASE
          WHEN JSON_TYPE(TRY(context -> '$.ip_address')) IN ('OBJECT', 'ARRAY')
          THEN NULL
          ELSE context ->> '$.ip_address'
        END
      )
    ),
    ''
  ) AS ip,
  CASE
    WHEN REGEXP_MATCHES(
      address,
      '^([0:]*:(ffff:)?)?((25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})[.]){3}' || '(25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})$'
    )
    THEN CASE
      WHEN REGEXP_MATCHES(address, '([0-9]+[.][0-9]+[.][0-9]+)[.][0-9]+$')
      THEN REGEXP_EXTRACT(address, '([0-9]+[.][0-9]+[.][0-9]+)[.][0-9]+$', 1)
    END || '.0/24'
    WHEN ARRAY_LENGTH(hextets) = 8
    THEN REGEXP_REPLACE(
      ARRAY_TO_STRING(
        LIST_TRANSFORM(
          ARRAY_SLICE(hextets, 1, 4),
          LAMBDA item : REGEXP_REPLACE(item, '^0*([0-9a-f]+)$', '\1', 'g')
        ),
        ':'
      ),
      '(:0)+$',
      '',
      'g'
    ) || '::/64'
  END AS network,
  NULLIF(
    TRY(
      (
        CASE
          WHEN JSON_TYPE(TRY(context -> '$.ua')) IN ('OBJECT', 'ARRAY')
          THEN NULL
          ELSE context ->> '$.ua'
        END
      )
    ),
    ''
  ) AS user_agent,
  TRY(
    (
      CASE
        WHEN JSON_TYPE(TRY(context -> '$.session_id')) IN ('OBJECT', 'ARRAY')
        THEN NULL
        ELSE context ->> '$.session_id'
      END
    )
  ) AS session_id,
  TRY(
    (
      CASE
        WHEN JSON_TYPE(TRY(context -> '$.location.type')) IN ('OBJECT', 'ARRAY')
        THEN NULL
        ELSE context ->> '$.location.type'
      END
    )
  ) AS location_type,
  TRY(
    (
      CASE
        WHEN JSON_TYPE(TRY(context -> '$.location.id')) IN ('OBJECT', 'ARRAY')
        THEN NULL
        ELSE context ->> '$.location.id'
      END
    )
  ) AS location_id,
  TRY(
    (
      CASE
        WHEN JSON_TYPE(TRY(context -> '$.location.name')) IN ('OBJECT', 'ARRAY')
        THEN NULL
        ELSE context ->> '$.location.name'
      END
    )
  ) AS location_name,
  TRY(
    (
      CASE
        WHEN JSON_TYPE(TRY(context -> '$.location.domain')) IN ('OBJECT', 'ARRAY')
        THEN NULL
        ELSE context ->> '$.location.domain'
      END
    )
  ) AS location_domain,
  NULLIF(CAST(TO_JSON(TRY(context -> '$.app')) AS TEXT), 'null') AS app,
  TRY(
    (
      CASE
        WHEN JSON_TYPE(TRY(context -> '$.acting_agent')) IN ('OBJECT', 'ARRAY')
        THEN NULL
        ELSE context ->> '$.acting_agent'
      END
    )
  ) AS acting_agent,
  COALESCE(
    TRY(
      (
        CASE
          WHEN JSON_TYPE(TRY(opened -> '$.new_value')) IN ('OBJECT', 'ARRAY')
          THEN NULL
          ELSE opened ->> '$.new_value'
        END
      )
    ),
    NULLIF(CAST(TO_JSON(TRY(opened -> '$.new_value')) AS TEXT), 'null')
  ) AS new_value,
  COALESCE(
    TRY(
      (
        CASE
          WHEN JSON_TYPE(TRY(opened -> '$.previous_value')) IN ('OBJECT', 'ARRAY')
          THEN NULL
          ELSE opened ->> '$.previous_value'
        END
      )
    ),
    NULLIF(CAST(TO_JSON(TRY(opened -> '$.previous_value')) AS TEXT), 'null')
  ) AS previous_value,
  COALESCE(
    LIST_FILTER(
      LIST_TRANSFORM(
        TRY_CAST(TRY(opened -> '$.reason') AS JSON[]),
        LAMBDA item : TRY(
          (
            CASE
              WHEN JSON_TYPE(TRY(item -> '$')) IN ('OBJECT', 'ARRAY')
              THEN NULL
              ELSE item ->> '$'
            END
          )
        )
      ),
      LAMBDA item : NOT item IS NULL
    ),
    CASE
      WHEN TRY(
        (
          CASE
            WHEN JSON_TYPE(TRY(opened -> '$.reason')) IN ('OBJECT', 'ARRAY')
            THEN NULL
            ELSE opened ->> '$.reason'
          END
        )
      ) <> ''
      THEN [
        TRY(
          (
            CASE
              WHEN JSON_TYPE(TRY(opened -> '$.reason')) IN ('OBJECT', 'ARRAY')
              THEN NULL
              ELSE opened ->> '$.reason'
            END
          )
        )
      ]
    END
  ) AS reasons,
  TRY(
    CASE
      WHEN TRY_CAST(TRY(
        (
          CASE
            WHEN JSON_TYPE(TRY(opened -> '$.action_timestamp')) IN ('OBJECT', 'ARRAY')
            THEN NULL
            ELSE opened ->> '$.action_timestamp'
          END
        )
      ) AS DOUBLE) > 1e14
      THEN CAST(EPOCH_MS(
        CAST(ROUND(
          (
            TRY_CAST(TRY(
              (
                CASE
                  WHEN JSON_TYPE(TRY(opened -> '$.action_timestamp')) IN ('OBJECT', 'ARRAY')
                  THEN NULL
                  ELSE opened ->> '$.action_timestamp'
                END
              )
            ) AS DOUBLE) / 1e6
          ) * 1000
        ) AS BIGINT)
      ) AS TIMESTAMP)
      ELSE CAST(EPOCH_MS(
        CAST(ROUND(
          (
            TRY_CAST(TRY(
              (
                CASE
                  WHEN JSON_TYPE(TRY(opened -> '$.action_timestamp')) IN ('OBJECT', 'ARRAY')
                  THEN NULL
                  ELSE opened ->> '$.action_timestamp'
                END
              )
            ) AS DOUBLE) / 1e3
          ) * 1000
        ) AS BIGINT)
      ) AS TIMESTAMP)
    END
  ) AS acted_at,
  NULLIF(
    TRY(
      (
        CASE
          WHEN JSON_TYPE(TRY(opened -> '$.previous_ip_address')) IN ('OBJECT', 'ARRAY')
          THEN NULL
          ELSE opened ->> '$.previous_ip_address'
        END
      )
    ),
    ''
  ) AS previous_ip,
  NULLIF(
    TRY(
      (
        CASE
          WHEN JSON_TYPE(TRY(opened -> '$.previous_ua')) IN ('OBJECT', 'ARRAY')
          THEN NULL
          ELSE opened ->> '$.previous_ua'
        END
      )
    ),
    ''
  ) AS previous_user_agent,
  NULLIF(
    LIST_SORT(
      LIST_DISTINCT(
        LIST_FILTER(
          FLATTEN(
            LIST_TRANSFORM(
              FLATTEN(
                LIST_TRANSFORM(
                  parts,
                  LAMBDA part : [
                    TRY(part -> '$.new_scopes'),
                    TRY(part -> '$.scopes'),
                    TRY(part -> '$.bot_scopes'),
                    TRY(part -> '$.scopes_bot')
                  ] || COALESCE(
                    LIST_TRANSFORM(
                      TRY_CAST(TRY(part -> '$.permissions') AS JSON[]),
                      LAMBDA permission : TRY(permission -> '$.scopes')
                    ),
                    []
                  )
                )
              ) || [
                TRY(entity -> '$.app.scopes'),
                TRY(entity -> '$.app.bot_scopes'),
                TRY(entity -> '$.app.scopes_bot')
              ],
              LAMBDA granted : COALESCE(
                LIST_TRANSFORM(
                  COALESCE(
                    TRY_CAST(granted AS JSON[]),
                    TRY_CAST(TRY(
                      TRY(
                        (
                          CASE
                            WHEN JSON_TYPE(TRY(granted -> '$')) IN ('OBJECT', 'ARRAY')
                            THEN NULL
                            ELSE granted ->> '$'
                          END
                        )
                      ) -> '$'
                    ) AS JSON[]),
                    MAP_VALUES(TRY_CAST(granted AS MAP(TEXT, JSON)))
                  ),
                  LAMBDA item : TRY(
                    (
                      CASE
                        WHEN JSON_TYPE(TRY(item -> '$')) IN ('OBJECT', 'ARRAY')
                        THEN NULL
                        ELSE item ->> '$'
                      END
                    )
                  )
                ),
                STR_SPLIT(
                  TRY(
                    (
                      CASE
                        WHEN JSON_TYPE(TRY(granted -> '$')) IN ('OBJECT', 'ARRAY')
                        THEN NULL
                        ELSE granted ->> '$'
                      END
                    )
                  ),
                  ','
                ),
                []
              )
            )
          ),
          LAMBDA scope : REGEXP_MATCHES(scope, '^[A-Za-z][A-Za-z0-9_.:-]*$')
        )
      )
    ),
    []
  ) AS scopes,
  NULLIF(
    LIST_SORT(
      LIST_DISTINCT(
        LIST_FILTER(
          FLATTEN(
            LIST_TRANSFORM(
              FLATTEN(
                LIST_TRANSFORM(
                  parts,
                  LAMBDA part : [TRY(part -> '$.previous_scopes'), TRY(part -> '$.old_scopes')]
                )
              ),
              LAMBDA granted : COALESCE(
                LIST_TRANSFORM(
                  COALESCE(
                    TRY_CAST(granted AS JSON[]),
                    TRY_CAST(TRY(
                      TRY(
                        (
                          CASE
                            WHEN JSON_TYPE(TRY(granted -> '$')) IN ('OBJECT', 'ARRAY')
                            THEN NULL
                            ELSE granted ->> '$'
                          END
                        )
                      ) -> '$'
                    ) AS JSON[]),
                    MAP_VALUES(TRY_CAST(granted AS MAP(TEXT, JSON)))
                  ),
                  LAMBDA item : TRY(
                    (
                      CASE
                        WHEN JSON_TYPE(TRY(item -> '$')) IN ('OBJECT', 'ARRAY')
                        THEN NULL
                        ELSE item ->> '$'
                      END
                    )
                  )
                ),
                STR_SPLIT(
                  TRY(
                    (
                      CASE
                        WHEN JSON_TYPE(TRY(granted -> '$')) IN ('OBJECT', 'ARRAY')
                        THEN NULL
                        ELSE granted ->> '$'
                      END
                    )
                  ),
                  ','
                ),
                []
              )
            )
          ),
          LAMBDA scope : REGEXP_MATCHES(scope, '^[A-Za-z][A-Za-z0-9_.:-]*$')
        )
      )
    ),
    []
  ) AS previous_scopes,
  TRY(
    (
      CASE
        WHEN JSON_TYPE(TRY(opened -> '$.external_organization_id')) IN ('OBJECT', 'ARRAY')
        THEN NULL
        ELSE opened ->> '$.external_organization_id'
      END
    )
  ) AS external_organization_id,
  TRY(
    (
      CASE
        WHEN JSON_TYPE(TRY(opened -> '$.external_organization_name')) IN ('OBJECT', 'ARRAY')
        THEN NULL
        ELSE opened ->> '$.external_organization_name'
      END
    )
  ) AS external_organization_name,
  TRY(
    (
      CASE
        WHEN JSON_TYPE(TRY(opened -> '$.external_user_email')) IN ('OBJECT', 'ARRAY')
        THEN NULL
        ELSE opened ->> '$.external_user_email'
      END
    )
  ) AS external_user_email,
  COALESCE(
    TRY(
      (
        CASE
          WHEN JSON_TYPE(TRY(opened -> '$.inviter.user.id')) IN ('OBJECT', 'ARRAY')
          THEN NULL
          ELSE opened ->> '$.inviter.user.id'
        END
      )
    ),
    TRY(
      (
        CASE
          WHEN JSON_TYPE(TRY(opened -> '$.inviter.id')) IN ('OBJECT', 'ARRAY')
          THEN NULL
          ELSE opened ->> '$.inviter.id'
        END
      )
    )
  ) AS inviter_id,
  COALESCE(
    NULLIF(
      ARRAY_TO_STRING(
        LIST_TRANSFORM(
          targets,
          LAMBDA target : COALESCE(
            TRY(
              (
                CASE
                  WHEN JSON_TYPE(TRY(target -> '$.user.id')) IN ('OBJECT', 'ARRAY')
                  THEN NULL
                  ELSE target ->> '$.user.id'
                END
              )
            ),
            TRY(
              (
                CASE
                  WHEN JSON_TYPE(TRY(target -> '$.id')) IN ('OBJECT', 'ARRAY')
                  THEN NULL
                  ELSE target ->> '$.id'
                END
              )
            ),
            CASE
              WHEN TRY(
                (
                  CASE
                    WHEN JSON_TYPE(TRY(target -> '$')) IN ('OBJECT', 'ARRAY')
                    THEN NULL
                    ELSE target ->> '$'
                  END
                )
              ) NOT LIKE '%@%'
              THEN TRY(
                (
                  CASE
                    WHEN JSON_TYPE(TRY(target -> '$')) IN ('OBJECT', 'ARRAY')
                    THEN NULL
                    ELSE target ->> '$'
                  END
                )
              )
            END
          )
        ),
        ','
      ),
      ''
    ),
    TRY(
      (
        CASE
          WHEN JSON_TYPE(TRY(opened -> '$.target_user_id')) IN ('OBJECT', 'ARRAY')
          THEN NULL
          ELSE opened ->> '$.target_user_id'
        END
      )
    )
  ) AS target_user_id,
  NULLIF(
    ARRAY_TO_STRING(
      LIST_TRANSFORM(
        targets,
        LAMBDA target : COALESCE(
          TRY(
            (
              CASE
                WHEN JSON_TYPE(TRY(target -> '$.user.name')) IN ('OBJECT', 'ARRAY')
                THEN NULL
                ELSE target ->> '$.user.name'
              END
            )
          ),
          TRY(
            (
              CASE
                WHEN JSON_TYPE(TRY(target -> '$.name')) IN ('OBJECT', 'ARRAY')
                THEN NULL
                ELSE target ->> '$.name'
              END
            )
          )
        )
      ),
      ','
    ),
    ''
  ) AS target_user_name,
  NULLIF(
    ARRAY_TO_STRING(
      LIST_TRANSFORM(
        targets,
        LAMBDA target : COALESCE(
          TRY(
            (
              CASE
                WHEN JSON_TYPE(TRY(target -> '$.user.email')) IN ('OBJECT', 'ARRAY')
                THEN NULL
                ELSE target ->> '$.user.email'
              END
            )
          ),
          TRY(
            (
              CASE
                WHEN JSON_TYPE(TRY(target -> '$.email')) IN ('OBJECT', 'ARRAY')
                THEN NULL
                ELSE target ->> '$.email'
              END
            )
          ),
          CASE
            WHEN TRY(
              (
                CASE
                  WHEN JSON_TYPE(TRY(target -> '$')) IN ('OBJECT', 'ARRAY')
                  THEN NULL
                  ELSE target ->> '$'
                END
              )
            ) LIKE '%@%'
            THEN TRY(
              (
                CASE
                  WHEN JSON_TYPE(TRY(target -> '$')) IN ('OBJECT', 'ARRAY')
                  THEN NULL
                  ELSE target ->> '$'
                END
              )
            )
          END
        )
      ),
      ','
    ),
    ''
  ) AS target_user_email,
  COALESCE(
    TRY(
      (
        CASE
          WHEN JSON_TYPE(TRY(entity -> '$.app.id')) IN ('OBJECT', 'ARRAY')
          THEN NULL
          ELSE entity ->> '$.app.id'
        END
      )
    ),
    TRY(
      (
        CASE
          WHEN JSON_TYPE(TRY(entity -> '$.app.app_id')) IN ('OBJECT', 'ARRAY')
          THEN NULL
          ELSE entity ->> '$.app.app_id'
        END
      )
    ),
    TRY(
      (
        CASE
          WHEN JSON_TYPE(TRY(opened -> '$.app_id')) IN ('OBJECT', 'ARRAY')
          THEN NULL
          ELSE opened ->> '$.app_id'
        END
      )
    )
  ) AS app_id,
  TRY(
    (
      CASE
        WHEN JSON_TYPE(TRY(entity -> '$.app.name')) IN ('OBJECT', 'ARRAY')
        THEN NULL
        ELSE entity ->> '$.app.name'
      END
    )
  ) AS app_name,
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
FROM (
  SELECT
    *,
    CASE
      WHEN REGEXP_MATCHES(wide, '^[0-9a-f]{0,4}(:[0-9a-f]{0,4}){2,8}$')
      THEN LIST_FILTER(
        STR_SPLIT(
          REPLACE(
            wide,
            '::',
            SUBSTRING(
              ':0:0:0:0:0:0:0:0',
              1,
              2 * (
                8 - ARRAY_LENGTH(LIST_FILTER(STR_SPLIT(wide, ':'), LAMBDA item : item <> ''))
              )
            ) || ':'
          ),
          ':'
        ),
        LAMBDA item : item <> ''
      )
    END AS hextets,
    COALESCE(
      TRY_CAST(COALESCE(
        TRY(
          TRY(
            (
              CASE
                WHEN JSON_TYPE(TRY(opened -> '$.target_user')) IN ('OBJECT', 'ARRAY')
                THEN NULL
                ELSE opened ->> '$.target_user'
              END
            )
          ) -> '$'
        ),
        TRY(opened -> '$.target_user')
      ) AS JSON[]),
      [
        COALESCE(
          TRY(
            TRY(
              (
                CASE
                  WHEN JSON_TYPE(TRY(opened -> '$.target_user')) IN ('OBJECT', 'ARRAY')
                  THEN NULL
                  ELSE opened ->> '$.target_user'
                END
              )
            ) -> '$'
          ),
          TRY(opened -> '$.target_user')
        )
      ]
    ) AS targets
  FROM (
    SELECT
      *,
      LOWER(
        TRY(
          (
            CASE
              WHEN JSON_TYPE(TRY(context -> '$.ip_address')) IN ('OBJECT', 'ARRAY')
              THEN NULL
              ELSE context ->> '$.ip_address'
            END
          )
        )
      ) AS address,
      REGEXP_REPLACE(
        LOWER(
          TRY(
            (
              CASE
                WHEN JSON_TYPE(TRY(context -> '$.ip_address')) IN ('OBJECT', 'ARRAY')
                THEN NULL
                ELSE context ->> '$.ip_address'
              END
            )
          )
        ),
        '([0-9]+[.]){3}[0-9]+$',
        '0:0',
        'g'
      ) AS wide,
      COALESCE(TRY_CAST(TRY(details -> '$') AS JSON[]), [TRY(details -> '$')]) AS parts,
      COALESCE(
        '{' || ARRAY_TO_STRING(
          LIST_TRANSFORM(
            LIST_FILTER(
              TRY_CAST(TRY(details -> '$') AS JSON[]),
              LAMBDA part : CAST(TO_JSON(part) AS TEXT) LIKE '{"%'
            ),
            LAMBDA part : SUBSTRING(CAST(TO_JSON(part) AS TEXT), 2, LENGTH(CAST(TO_JSON(part) AS TEXT)) - 2)
          ),
          ','
        ) || '}',
        details
      ) AS opened
    FROM audit
  )
);

-- Integration records in typed columns: who changed which app, service or feed, and how. Filter by day.
CREATE OR REPLACE VIEW integration_events AS
SELECT
  day,
  p_event_time AS event_time,
  change_type,
  user_id,
  user_name,
  CASE
    WHEN NOT app_id IS NULL
    THEN 'app'
    WHEN rss_feed = 'true'
    THEN 'feed'
    WHEN NOT COALESCE(service_id, service_type) IS NULL
    THEN 'service'
  END AS kind,
  COALESCE(app_id, service_id) AS integration_id,
  COALESCE(app_type, rss_feed_title, service_type) AS integration_name,
  app_id,
  service_id,
  scope,
  channel,
  reason,
  rss_feed_url,
  p_workspace_id AS workspace_id,
  p_row_id,
  p_parse_time,
  p_source_id,
  p_source_label
FROM integration;

-- An actor's timeline. Activity of one person or app in the last 7 days, across the three log types, in order.
CREATE OR REPLACE MACRO actor_timeline(who, days := 7, today := NULL) AS TABLE
WITH ids AS (
  SELECT
    who AS id
  UNION
  SELECT
    actor_id
  FROM audit_events
  WHERE
    day >= STRFTIME(COALESCE(CAST(today AS DATE), CURRENT_DATE) - TO_DAYS(days), '%Y/%m/%d')
    AND day <= COALESCE(STRFTIME(CAST(today AS DATE), '%Y/%m/%d'), day)
    AND who IN (actor_email, actor_name, actor_id)
)
SELECT
  event_time,
  'audit' AS log,
  action AS what,
  COALESCE(entity_email, entity_name, entity_id) AS target,
  ip,
  user_agent,
  details
FROM audit_events
WHERE
  day >= STRFTIME(COALESCE(CAST(today AS DATE), CURRENT_DATE) - TO_DAYS(days), '%Y/%m/%d')
  AND day <= COALESCE(STRFTIME(CAST(today AS DATE), '%Y/%m/%d'), day)
  AND (
    actor_id IN (
      SELECT
        id
      FROM ids
    )
    OR actor_email IN (
      SELECT
        id
      FROM ids
    )
    OR actor_name IN (
      SELECT
        id
      FROM ids
    )
  )
UNION ALL
SELECT
  event_time,
  'access',
  'first seen here with this device',
  country,
  ip,
  user_agent,
  isp
FROM access_events
WHERE
  day >= STRFTIME(COALESCE(CAST(today AS DATE), CURRENT_DATE) - TO_DAYS(days), '%Y/%m/%d')
  AND day <= COALESCE(STRFTIME(CAST(today AS DATE), '%Y/%m/%d'), day)
  AND (
    user_id IN (
      SELECT
        id
      FROM ids
    )
    OR username IN (
      SELECT
        id
      FROM ids
    )
  )
UNION ALL
SELECT
  event_time,
  'integration',
  kind || ' ' || change_type,
  integration_name,
  NULL,
  NULL,
  scope
FROM integration_events
WHERE
  day >= STRFTIME(COALESCE(CAST(today AS DATE), CURRENT_DATE) - TO_DAYS(days), '%Y/%m/%d')
  AND day <= COALESCE(STRFTIME(CAST(today AS DATE), '%Y/%m/%d'), day)
  AND (
    user_id IN (
      SELECT
        id
      FROM ids
    )
    OR user_name IN (
      SELECT
        id
      FROM ids
    )
  )
ORDER BY
  event_time,
  log,
  what
LIMIT 1000;

-- Admin and owner changes. Who granted or removed admin, owner and other roles or permissions, and for which user, in the last 30 days.
CREATE OR REPLACE MACRO admin_and_owner_changes(days := 30, today := NULL) AS TABLE
WITH changes AS (
  SELECT
    *,
    entity_type = 'user'
    AND COALESCE(target_user_id, target_user_name, target_user_email) IS NULL AS is_of_entity
  FROM audit_events
  WHERE
    day >= STRFTIME(COALESCE(CAST(today AS DATE), CURRENT_DATE) - TO_DAYS(days), '%Y/%m/%d')
    AND day <= COALESCE(STRFTIME(CAST(today AS DATE), '%Y/%m/%d'), day)
    AND action IN (
      'owner_transferred',
      'service_owner_transferred',
      'org_owner_created',
      'role_change_to_owner',
      'role_change_to_admin',
      'role_change_to_user',
      'role_assigned',
      'role_removed',
      'role_created',
      'role_updated',
      'role_deleted',
      'role_added_to_usergroup',
      'role_modified_on_usergroup',
      'role_removed_from_usergroup',
      'permissions_assigned',
      'permissions_removed'
    )
), users AS (
  SELECT
    actor_id AS id,
    ARG_MAX_NULL(actor_name, event_time) FILTER(WHERE
      NOT actor_name IS NULL) AS name,
    ARG_MAX_NULL(actor_email, event_time) FILTER(WHERE
      NOT actor_email IS NULL) AS email
  FROM audit_events
  WHERE
    day >= STRFTIME(COALESCE(CAST(today AS DATE), CURRENT_DATE) - TO_DAYS(days), '%Y/%m/%d')
    AND day <= COALESCE(STRFTIME(CAST(today AS DATE), '%Y/%m/%d'), day)
    AND actor_type = 'user'
  GROUP BY
    actor_id
)
SELECT
  changes.event_time,
  changes.action,
  COALESCE(changes.actor_email, changes.actor_name, changes.actor_id) AS actor,
  CASE
    WHEN changes.is_of_entity
    THEN changes.entity_id
    ELSE changes.target_user_id
  END AS target_user_id,
  CASE
    WHEN changes.is_of_entity
    THEN changes.entity_name
    ELSE COALESCE(changes.target_user_name, users.name)
  END AS target_user_name,
  CASE
    WHEN changes.is_of_entity
    THEN changes.entity_email
    ELSE COALESCE(changes.target_user_email, users.email)
  END AS target_user_email,
  changes.entity_type,
  COALESCE(changes.entity_email, changes.entity_name, changes.entity_id) AS entity,
  changes.location_name,
  changes.previous_value,
  changes.new_value,
  changes.ip,
  changes.details
FROM changes
LEFT JOIN users
  ON users.id = changes.target_user_id
ORDER BY
  changes.event_time DESC,
  changes.action,
  entity
LIMIT 1000;
CREATE OR REPLACE VIEW admin_and_owner_changes AS FROM admin_and_owner_changes();

-- Anomalies. Activity that Slack reported as unusual in the last 30 days, the reason, and changes to Slack's response to anomalies.
CREATE OR REPLACE MACRO anomalies(days := 30, today := NULL) AS TABLE
SELECT
  event_time,
  action,
  COALESCE(actor_email, actor_name, actor_id) AS actor,
  ARRAY_TO_STRING(reasons, ',') AS reasons,
  acted_at,
  ip,
  previous_ip,
  user_agent,
  previous_user_agent,
  previous_value,
  new_value,
  details
FROM audit_events
WHERE
  day >= STRFTIME(COALESCE(CAST(today AS DATE), CURRENT_DATE) - TO_DAYS(days), '%Y/%m/%d')
  AND day <= COALESCE(STRFTIME(CAST(today AS DATE), '%Y/%m/%d'), day)
  AND action LIKE '%anomaly%'
ORDER BY
  event_time DESC,
  actor
LIMIT 1000;
CREATE OR REPLACE VIEW anomalies AS FROM anomalies();

-- App installs and scope growth. Apps that were installed, approved or granted more access in the last 30 days, by whom, and with which new scopes.
CREATE OR REPLACE MACRO app_installs_and_scope_growth(days := 30, today := NULL) AS TABLE
SELECT
  event_time,
  action,
  COALESCE(actor_email, actor_name, actor_id) AS actor,
  app_name,
  app_id,
  CASE
    WHEN entity_type = 'workspace'
    THEN COALESCE(entity_name, entity_id)
    ELSE location_name
  END AS workspace,
  ARRAY_TO_STRING(
    LIST_FILTER(scopes, LAMBDA s : NOT ARRAY_CONTAINS(COALESCE(previous_scopes, []), s)),
    ','
  ) AS scopes_new,
  ARRAY_TO_STRING(previous_scopes, ',') AS scopes_before,
  ARRAY_LENGTH(
    LIST_FILTER(
      scopes,
      LAMBDA s : REGEXP_MATCHES(s, '^(admin|auditlogs|search|files:read|chat:write[.]customize)|:history$')
    )
  ) > 0 AS is_powerful
FROM audit_events
WHERE
  day >= STRFTIME(COALESCE(CAST(today AS DATE), CURRENT_DATE) - TO_DAYS(days), '%Y/%m/%d')
  AND day <= COALESCE(STRFTIME(CAST(today AS DATE), '%Y/%m/%d'), day)
  AND action IN (
    'app_installed',
    'app_approved',
    'app_deployed',
    'app_scopes_expanded',
    'app_resources_granted',
    'app_resources_added',
    'app_token_preserved',
    'bot_token_upgraded',
    'cli_app_install',
    'child_app_auto_installed',
    'org_app_installed',
    'org_app_workspace_added',
    'org_app_upgraded_to_org_install',
    'org_app_future_workspace_install_enabled'
  )
ORDER BY
  event_time DESC,
  action,
  app_id
LIMIT 1000;
CREATE OR REPLACE VIEW app_installs_and_scope_growth AS FROM app_installs_and_scope_growth();

-- Completeness by day. Whether each record of the last 30 days is stored exactly once: no duplicate p_row_id, unreadable line or missing object.
CREATE OR REPLACE MACRO completeness_by_day(days := 30, today := NULL) AS TABLE
WITH objects AS (
  SELECT
    'audit' AS log,
    day,
    "$path" AS path,
    p_row_id
  FROM audit
  WHERE
    day >= STRFTIME(COALESCE(CAST(today AS DATE), CURRENT_DATE) - TO_DAYS(days), '%Y/%m/%d')
    AND day <= COALESCE(STRFTIME(CAST(today AS DATE), '%Y/%m/%d'), day)
  UNION ALL
  SELECT
    'access',
    day,
    "$path",
    p_row_id
  FROM access
  WHERE
    day >= STRFTIME(COALESCE(CAST(today AS DATE), CURRENT_DATE) - TO_DAYS(days), '%Y/%m/%d')
    AND day <= COALESCE(STRFTIME(CAST(today AS DATE), '%Y/%m/%d'), day)
  UNION ALL
  SELECT
    'integration',
    day,
    "$path",
    p_row_id
  FROM integration
  WHERE
    day >= STRFTIME(COALESCE(CAST(today AS DATE), CURRENT_DATE) - TO_DAYS(days), '%Y/%m/%d')
    AND day <= COALESCE(STRFTIME(CAST(today AS DATE), '%Y/%m/%d'), day)
)
SELECT
  day,
  log,
  CASE
    WHEN REGEXP_MATCHES(path, '/([a-z0-9-]+)-[0-9]+[.]json[.]gz$')
    THEN REGEXP_EXTRACT(path, '/([a-z0-9-]+)-[0-9]+[.]json[.]gz$', 1)
  END AS source,
  COUNT(*) AS row_count,
  COUNT(DISTINCT p_row_id) AS record_count,
  COUNT(*) - COUNT(p_row_id) AS unreadable_count,
  COUNT(DISTINCT path) AS object_count,
  MAX(
    CASE
      WHEN REGEXP_MATCHES(
        CASE
          WHEN REGEXP_MATCHES(path, '-([0-9]+)[.]json[.]gz$')
          THEN REGEXP_EXTRACT(path, '-([0-9]+)[.]json[.]gz$', 1)
        END,
        '^[+-]?[0-9]+$'
      )
      THEN TRY_CAST(CASE
        WHEN REGEXP_MATCHES(path, '-([0-9]+)[.]json[.]gz$')
        THEN REGEXP_EXTRACT(path, '-([0-9]+)[.]json[.]gz$', 1)
      END AS BIGINT)
    END
  ) AS last_object,
  COUNT(*) = COUNT(DISTINCT p_row_id)
  AND COUNT(DISTINCT path) = MAX(
    CASE
      WHEN REGEXP_MATCHES(
        CASE
          WHEN REGEXP_MATCHES(path, '-([0-9]+)[.]json[.]gz$')
          THEN REGEXP_EXTRACT(path, '-([0-9]+)[.]json[.]gz$', 1)
        END,
        '^[+-]?[0-9]+$'
      )
      THEN TRY_CAST(CASE
        WHEN REGEXP_MATCHES(path, '-([0-9]+)[.]json[.]gz$')
        THEN REGEXP_EXTRACT(path, '-([0-9]+)[.]json[.]gz$', 1)
      END AS BIGINT)
    END
  ) AS is_complete
FROM objects
GROUP BY
  day,
  log,
  CASE
    WHEN REGEXP_MATCHES(path, '/([a-z0-9-]+)-[0-9]+[.]json[.]gz$')
    THEN REGEXP_EXTRACT(path, '/([a-z0-9-]+)-[0-9]+[.]json[.]gz$', 1)
  END
ORDER BY
  day DESC,
  log,
  source
LIMIT 1000;
CREATE OR REPLACE VIEW completeness_by_day AS FROM completeness_by_day();

-- Exports and mass downloads. Exports of the last 30 days, and actors with 100 or more downloads in one clock hour.
CREATE OR REPLACE MACRO exports_and_mass_downloads(days := 30, downloads := 100, today := NULL) AS TABLE
WITH events AS (
  SELECT
    event_time,
    action,
    actor_email,
    actor_name,
    actor_id,
    entity_id,
    entity_name,
    ip,
    user_agent,
    details
  FROM audit_events
  WHERE
    day >= STRFTIME(COALESCE(CAST(today AS DATE), CURRENT_DATE) - TO_DAYS(days), '%Y/%m/%d')
    AND day <= COALESCE(STRFTIME(CAST(today AS DATE), '%Y/%m/%d'), day)
)
SELECT
  'export' AS kind,
  event_time,
  action,
  COALESCE(actor_email, actor_name, actor_id) AS actor,
  COALESCE(entity_name, entity_id) AS what,
  1 AS times,
  ip,
  details
FROM events
WHERE
  REGEXP_MATCHES(action, 'export_(started|completed|downloaded|csv_started|json_started)$')
  OR action IN (
    'corporate_exports_approved',
    'corporate_exports_enabled',
    'workflow_responses_csv_download',
    'apps_analytics_export_prepared',
    'export_private_channel_analytics_created',
    'enterprise_search_email_attachment_downloaded'
  )
UNION ALL
SELECT
  'mass download',
  MIN(event_time),
  'file_downloaded',
  COALESCE(actor_email, actor_name, actor_id),
  CAST(COUNT(DISTINCT entity_id) AS TEXT) || ' files',
  COUNT(*),
  ARG_MIN_NULL(ip, event_time),
  NULL
FROM events
WHERE
  action IN ('file_downloaded', 'canvas_downloaded', 'list_downloaded')
GROUP BY
  COALESCE(actor_email, actor_name, actor_id),
  DATE_TRUNC('HOUR', event_time)
HAVING
  COUNT(*) >= downloads
ORDER BY
  event_time DESC,
  action,
  actor
LIMIT 1000;
CREATE OR REPLACE VIEW exports_and_mass_downloads AS FROM exports_and_mass_downloads();

-- Findings. Events of the last 30 days that public detections for Slack audit logs look for, with a severity, most severe first.
CREATE OR REPLACE MACRO findings(days := 30, today := NULL) AS TABLE
WITH rules(severity, category, finding, at_least, actions) AS (
  SELECT
    *
  FROM (VALUES
    (
      'critical',
      'encryption keys',
      'key management ends for a workspace: Slack holds its keys',
      1,
      ['ekm_unenrolled']
    ),
    (
      'critical',
      'encryption keys',
      'an encryption key is removed',
      1,
      ['ekm_key_removed']
    ),
    (
      'high',
      'encryption keys',
      'an encryption key is added, or the log of key use changes',
      1,
      ['ekm_key_added', 'ekm_logging_config_set']
    ),
    (
      'high',
      'encryption keys',
      'Slack announces that key management ends or that its log changes',
      1,
      [
        'ekm_slackbot_unenroll_notification_sent',
        'ekm_slackbot_logging_notification_sent'
      ]
    ),
    (
      'medium',
      'encryption keys',
      'keys are enrolled, replaced or revoked',
      1,
      [
        'ekm_enrolled',
        'ekm_clear_cache_set',
        'ekm_slackbot_enroll_notification_sent',
        'ekm_slackbot_rekey_notification_sent'
      ]
    ),
    (
      'high',
      'sign-in',
      'single sign-on settings change',
      1,
      [
        'pref.sso_setting_changed',
        'enterprise_managed_auth_disabled',
        'enterprise_managed_auth_rebound'
      ]
    ),
    (
      'high',
      'sign-in',
      'an identity provider is added, changed or removed',
      1,
      [
        'idp_configuration_added',
        'idp_configuration_deleted',
        'idp_prod_configuration_updated'
      ]
    ),
    (
      'high',
      'sign-in',
      'two-factor authentication settings change',
      1,
      ['pref.two_factor_auth_changed', 'pref.two_factor_prevent_sms_changed']
    ),
    (
      'high',
      'sign-in',
      'a sign-in policy no longer applies to a user or group',
      1,
      ['auth_policy_entity_removed']
    ),
    (
      'medium',
      'sign-in',
      'other sign-in settings change',
      1,
      [
        'auth_policy_created',
        'auth_policy_entity_assigned',
        'enterprise_managed_auth_enabled',
        'idp_test_configuration_updated',
        'pref.sso_sync_with_provider',
        'pref.mobile_secondary_auth_timeout_changed',
        'pref.sign_in_with_slack_disabled'
      ]
    ),
    (
      'high',
      'accounts',
      'Slack logs out a compromised device or resets a password for security',
      1,
      ['user_logout_compromised', 'user_password_reset_slack_security']
    ),
    (
      'medium',
      'accounts',
      'an account changes its email address or password, or is merged',
      1,
      ['user_email_updated', 'user_password_reset_by_admin', 'user_merged']
    ),
    (
      'low',
      'accounts',
      'a passkey is added or removed, or a user is reactivated',
      1,
      ['user_passkey_created', 'user_passkey_removed', 'user_reactivated']
    ),
    (
      'medium',
      'accounts',
      'one user fails to log in 10 times within an hour',
      10,
      ['user_login_failed']
    ),
    (
      'medium',
      'accounts',
      'one actor creates or deactivates 20 users within an hour',
      20,
      ['user_created', 'user_deactivated', 'guest_deactivated']
    ),
    (
      'medium',
      'sessions',
      'sessions of many users are reset at once',
      1,
      ['bulk_session_reset_by_admin', 'user_sessions_reset_by_circuit_breaker']
    ),
    (
      'medium',
      'sessions',
      'session lifetime settings change',
      1,
      [
        'pref.session_duration_changed',
        'pref.session_duration_type_changed',
        'pref.mobile_session_duration_changed',
        'user_session_settings_changed'
      ]
    ),
    (
      'medium',
      'sessions',
      'one actor resets or ends sessions of users 20 times within an hour',
      20,
      ['user_session_reset_by_admin', 'user_session_invalidated']
    ),
    (
      'medium',
      'sessions',
      'Slack resets the sessions of a user in response to an anomaly',
      1,
      ['user_sessions_reset_by_anomaly_event_response']
    ),
    (
      'high',
      'devices and networks',
      'device management or the IP allowlist is disabled',
      1,
      ['intune_disabled', 'ip_allowlist_disabled']
    ),
    (
      'high',
      'devices and networks',
      'download restrictions for untrusted devices or networks change',
      1,
      [
        'pref.block_download_and_copy_on_untrusted_mobile',
        'pref.block_file_download_for_unapproved_ip'
      ]
    ),
    (
      'medium',
      'devices and networks',
      'allowed addresses, devices, browsers or versions change',
      1,
      [
        'team_authorized_ip_range_added',
        'team_authorized_ip_range_removed',
        'team_authorized_ip_range_set',
        'pref.enterprise_mobile_device_check',
        'pref.ent_browser_control',
        'pref.ent_required_browser',
        'pref.required_minimum_desktop_version_changed',
        'pref.required_minimum_mobile_version_changed'
      ]
    ),
    (
      'low',
      'devices and networks',
      'device management or the IP allowlist is enabled or blocks access',
      1,
      ['intune_enabled', 'ip_allowlist_enabled', 'ip_allowlist_access_denied']
    ),
    (
      'critical',
      'domains and organizations',
      'an organization is deleted',
      1,
      ['organization_deleted']
    ),
    (
      'high',
      'domains and organizations',
      'a workspace is deleted, or the organization changes its domain or loses its verification',
      1,
      [
        'workspace_deleted',
        'organization_domain_changed',
        'organization_unverified',
        'org_unverified'
      ]
    ),
    (
      'high',
      'domains and organizations',
      'a domain is verified, unverified, deleted or opened for joining',
      1,
      [
        'domain_email_unrestricted',
        'domain_verified',
        'domain_unverified',
        'domain_deleted'
      ]
    ),
    (
      'medium',
      'domains and organizations',
      'a domain or workspace is added, or a workspace joins an organization',
      1,
      [
        'domain_created',
        'domain_email_restricted',
        'workspace_created',
        'organization_accepted_migration',
        'workspace_accepted_migration',
        'organization_public_url_updated',
        'org_public_url_updated'
      ]
    ),
    (
      'low',
      'domains and organizations',
      'an organization is created',
      1,
      ['organization_created']
    ),
    (
      'high',
      'data loss prevention',
      'a rule is deactivated, or access to violations changes',
      1,
      ['native_dlp_rule_deactivated', 'pref.dlp_access_changed']
    ),
    (
      'medium',
      'data loss prevention',
      'a rule is edited or triggered, or a violation is deleted',
      1,
      [
        'native_dlp_rule_edited',
        'native_dlp_rule_action_applied',
        'native_dlp_violation_deleted'
      ]
    ),
    (
      'low',
      'data loss prevention',
      'a rule is created or reactivated',
      1,
      ['native_dlp_rule_created', 'native_dlp_rule_reactivated']
    ),
    (
      'high',
      'information barriers',
      'a barrier is deleted or changed',
      1,
      ['barrier_deleted', 'barrier_updated']
    ),
    ('low', 'information barriers', 'a barrier is created', 1, ['barrier_created']),
    (
      'high',
      'legal holds',
      'a hold is released or covers less',
      1,
      [
        'legal_hold_policy_released',
        'legal_hold_policy_entities_deleted',
        'legal_hold_policy_exclusion_added'
      ]
    ),
    ('medium', 'legal holds', 'a hold changes', 1, ['legal_hold_policy_updated']),
    (
      'low',
      'legal holds',
      'a hold is created, reactivated or covers more',
      1,
      [
        'legal_hold_policy_created',
        'legal_hold_policy_entities_added',
        'legal_hold_policy_exclusion_deleted',
        'legal_hold_policy_reactivated'
      ]
    ),
    (
      'high',
      'retention',
      'audit log retention or the date of data deletion changes',
      1,
      [
        'pref.ext_audit_log_retention_duration_changed',
        'pref.ext_audit_log_retention_type_changed',
        'data_deletion_date_changed'
      ]
    ),
    (
      'medium',
      'retention',
      'message or file retention changes',
      1,
      [
        'channel_retention_changed',
        'pref.public_channel_retention_changed',
        'pref.private_channel_retention_changed',
        'pref.dm_retention_changed',
        'pref.file_retention_changed',
        'pref.canvas_retention_changed',
        'pref.retention_override_changed',
        'pref.admin_retention_override_changed',
        'pref.public_record_channel_retention_changed',
        'pref.public_record_channel_retention_duration_changed',
        'pref.private_record_channel_retention_changed',
        'pref.private_record_channel_retention_duration_changed'
      ]
    ),
    (
      'medium',
      'retention',
      'retention of deleted messages or the right to delete changes',
      1,
      [
        'pref.dm_retention_redaction_duration',
        'pref.public_retention_redaction_duration',
        'pref.private_retention_redaction_duration',
        'pref.public_record_channel_redaction_duration_changed',
        'pref.private_record_channel_redaction_duration_changed',
        'pref.allow_message_deletion'
      ]
    ),
    (
      'critical',
      'malware and abuse',
      'Slack finds malware in a file',
      1,
      ['file_malicious_content_detected']
    ),
    (
      'medium',
      'malware and abuse',
      'a workflow watches for suspicious keywords or receives a suspicious prompt',
      1,
      ['workflow_trigger_suspicious_keyword', 'workflow_ai_answer_suspicious_prompt']
    ),
    (
      'low',
      'malware and abuse',
      'a policy blocks a file',
      1,
      [
        'file_download_blocked',
        'file_downloaded_blocked',
        'file_upload_blocked_by_type',
        'file_share_blocked_by_type'
      ]
    ),
    (
      'high',
      'malware and abuse',
      'one actor deletes 100 files or channels within an hour',
      100,
      [
        'file_deleted',
        'canvas_deleted',
        'list_deleted',
        'public_channel_deleted',
        'private_channel_deleted'
      ]
    ),
    (
      'critical',
      'privileges',
      'ownership is transferred, or an Org Owner is created',
      1,
      ['owner_transferred', 'service_owner_transferred', 'org_owner_created']
    ),
    (
      'high',
      'privileges',
      'a user becomes an owner or admin, or receives a role or permission',
      1,
      [
        'role_change_to_owner',
        'role_change_to_admin',
        'role_assigned',
        'permissions_assigned',
        'role_added_to_usergroup'
      ]
    ),
    (
      'medium',
      'privileges',
      'a user loses a role or permission, or a role changes',
      1,
      [
        'role_change_to_user',
        'role_removed',
        'permissions_removed',
        'role_created',
        'role_updated',
        'role_deleted',
        'role_modified_on_usergroup',
        'role_removed_from_usergroup'
      ]
    ),
    (
      'high',
      'exposure',
      'a private channel becomes public',
      1,
      ['private_channel_converted_to_public', 'group_converted_to_channel']
    ),
    (
      'medium',
      'exposure',
      'invitation settings change',
      1,
      [
        'pref.invites_only_admins',
        'pref.invites_only_admins_changed',
        'pref.invite_requests_approval_channel',
        'pref.invite_requests_approval_channel_changed'
      ]
    ),
    (
      'high',
      'exposure',
      'one actor sends 20 invitations to guests or outsiders within an hour',
      20,
      [
        'guest_created',
        'connect_dm_invite_generated',
        'external_shared_channel_invite_created',
        'external_shared_channel_invite_sent'
      ]
    ),
    (
      'high',
      'apps',
      'app approval rules change',
      1,
      [
        'pref.app_whitelist_enabled',
        'pref.app_dir_only',
        'app_allowlist_rule_activated',
        'app_allowlist_rule_created',
        'app_allowlist_rule_deactivated',
        'app_allowlist_rule_deleted',
        'app_allowlist_rule_updated',
        'app_allowlist_scopes_rating_updated'
      ]
    ),
    (
      'low',
      'apps',
      'an app is removed or restricted',
      1,
      [
        'app_uninstalled',
        'org_app_uninstalled',
        'org_app_workspace_removed',
        'app_restricted',
        'app_removed_from_whitelist',
        'app_deleted',
        'bot_token_downgraded'
      ]
    )) AS _values
), named(severity, category, finding, at_least, action) AS (
  SELECT
    severity,
    category,
    finding,
    at_least,
    action
  FROM rules
  CROSS JOIN UNNEST(actions) AS listed(action)
), events AS (
  SELECT
    *,
    COALESCE(actor_email, actor_name, actor_id) AS performer,
    COALESCE(
      target_user_email,
      target_user_name,
      target_user_id,
      external_user_email,
      entity_email,
      entity_name,
      entity_id
    ) AS target
  FROM audit_events
  WHERE
    day >= STRFTIME(COALESCE(CAST(today AS DATE), CURRENT_DATE) - TO_DAYS(days), '%Y/%m/%d')
    AND day <= COALESCE(STRFTIME(CAST(today AS DATE), '%Y/%m/%d'), day)
)
SELECT
  MIN(events.event_time) AS event_time,
  named.severity,
  named.category,
  named.finding,
  ARG_MIN_NULL(events.action, events.event_time) AS action,
  events.performer AS actor,
  ARG_MIN_NULL(events.target, events.event_time) AS target,
  COUNT(*) AS times,
  ARG_MIN_NULL(events.location_name, events.event_time) AS location_name,
  ARG_MIN_NULL(events.previous_value, events.event_time) AS previous_value,
  ARG_MIN_NULL(events.new_value, events.event_time) AS new_value,
  ARG_MIN_NULL(events.ip, events.event_time) AS ip,
  ARG_MIN_NULL(events.user_agent, events.event_time) AS user_agent,
  ARG_MIN_NULL(events.details, events.event_time) AS details,
  ARG_MIN_NULL(events.p_row_id, events.event_time) AS p_row_id
FROM events
JOIN named
  ON named.action = events.action
GROUP BY
  named.severity,
  named.category,
  named.finding,
  named.at_least,
  events.performer,
  CASE
    WHEN named.at_least > 1
    THEN STRFTIME(events.event_time, '%Y/%m/%d %H')
    ELSE events.p_row_id
  END
HAVING
  COUNT(*) >= named.at_least
ORDER BY
  CASE named.severity
    WHEN 'critical'
    THEN 1
    WHEN 'high'
    THEN 2
    WHEN 'medium'
    THEN 3
    ELSE 4
  END,
  event_time DESC,
  category,
  p_row_id
LIMIT 1000;
CREATE OR REPLACE VIEW findings AS FROM findings();

-- Guests and external sharing. Changes to guests, to channels and messages shared with other organizations, and to public links in the last 30 days.
CREATE OR REPLACE MACRO guests_and_external_sharing(days := 30, today := NULL) AS TABLE
SELECT
  event_time,
  action,
  COALESCE(actor_email, actor_name, actor_id) AS actor,
  entity_type,
  COALESCE(entity_email, entity_name, entity_id) AS target,
  COALESCE(external_organization_name, external_user_email, external_organization_id) AS outside,
  ip,
  details
FROM audit_events
WHERE
  day >= STRFTIME(COALESCE(CAST(today AS DATE), CURRENT_DATE) - TO_DAYS(days), '%Y/%m/%d')
  AND day <= COALESCE(STRFTIME(CAST(today AS DATE), '%Y/%m/%d'), day)
  AND (
    REGEXP_MATCHES(
      action,
      '^(guest_|external_shared_|external_user_|connect_dm_|slack_connect_|pref[.]slack_connect_)'
    )
    OR REGEXP_MATCHES(action, '^(approved_orgs_|file_public_link_)')
    OR action IN (
      'role_change_to_guest',
      'pref.max_guest_duration',
      'pre.max_guest_duration',
      'pref.who_can_manage_guests',
      'pref.who_can_manage_ext_shared_channels',
      'pref.disallow_public_file_urls',
      'canvas_linksharing_enabled',
      'list_linksharing_enabled'
    )
  )
ORDER BY
  event_time DESC,
  action,
  target
LIMIT 1000;
CREATE OR REPLACE VIEW guests_and_external_sharing AS FROM guests_and_external_sharing();

-- Integrations added, and by whom. Apps, services and feeds that were added, enabled or given more scopes in the last 30 days, on any paid plan.
CREATE OR REPLACE MACRO integrations_added(days := 30, today := NULL) AS TABLE
SELECT
  event_time,
  change_type,
  kind,
  integration_name,
  integration_id,
  COALESCE(user_name, user_id) AS changed_by,
  scope,
  channel,
  workspace_id,
  p_source_id
FROM integration_events
WHERE
  day >= STRFTIME(COALESCE(CAST(today AS DATE), CURRENT_DATE) - TO_DAYS(days), '%Y/%m/%d')
  AND day <= COALESCE(STRFTIME(CAST(today AS DATE), '%Y/%m/%d'), day)
  AND change_type IN ('added', 'enabled', 'expanded')
ORDER BY
  event_time DESC,
  integration_name,
  change_type
LIMIT 1000;
CREATE OR REPLACE VIEW integrations_added AS FROM integrations_added();

-- Lateness. Delay between the time of a record and its collection in the last 7 days, including history and outages.
CREATE OR REPLACE MACRO lateness(days := 7, today := NULL) AS TABLE
WITH records AS (
  SELECT
    'audit' AS log,
    day,
    p_source_id,
    DATE_SUB('second', p_event_time, p_parse_time) AS seconds_late
  FROM audit
  WHERE
    day >= STRFTIME(COALESCE(CAST(today AS DATE), CURRENT_DATE) - TO_DAYS(days), '%Y/%m/%d')
    AND day <= COALESCE(STRFTIME(CAST(today AS DATE), '%Y/%m/%d'), day)
  UNION ALL
  SELECT
    'access',
    day,
    p_source_id,
    DATE_SUB('second', p_event_time, p_parse_time)
  FROM access
  WHERE
    day >= STRFTIME(COALESCE(CAST(today AS DATE), CURRENT_DATE) - TO_DAYS(days), '%Y/%m/%d')
    AND day <= COALESCE(STRFTIME(CAST(today AS DATE), '%Y/%m/%d'), day)
  UNION ALL
  SELECT
    'integration',
    day,
    p_source_id,
    DATE_SUB('second', p_event_time, p_parse_time)
  FROM integration
  WHERE
    day >= STRFTIME(COALESCE(CAST(today AS DATE), CURRENT_DATE) - TO_DAYS(days), '%Y/%m/%d')
    AND day <= COALESCE(STRFTIME(CAST(today AS DATE), '%Y/%m/%d'), day)
)
SELECT
  day,
  log,
  p_source_id,
  COUNT(*) AS records,
  COUNT_IF(seconds_late <= 120) AS within_2_minutes,
  COUNT_IF(seconds_late > 120 AND seconds_late <= 3600) AS within_an_hour,
  COUNT_IF(seconds_late > 3600 AND seconds_late <= 26 * 3600) AS within_26_hours,
  COUNT_IF(seconds_late > 26 * 3600) AS later,
  APPROX_QUANTILE(seconds_late, 0.5) AS seconds_late_median,
  MAX(seconds_late) AS seconds_late_max
FROM records
GROUP BY
  day,
  log,
  p_source_id
ORDER BY
  day DESC,
  log,
  p_source_id
LIMIT 1000;
CREATE OR REPLACE VIEW lateness AS FROM lateness();

-- Logins from a new country or network. Users whose country or network was new in the last 7 days, from access and audit logs.
CREATE OR REPLACE MACRO logins_from_new_places(days := 7, access_history := 180, audit_history := 30, today := NULL) AS TABLE
WITH seen AS (
  SELECT
    user_id,
    username AS user_name,
    event_time,
    ip,
    network,
    country,
    user_agent
  FROM access_events
  WHERE
    day >= STRFTIME(COALESCE(CAST(today AS DATE), CURRENT_DATE) - TO_DAYS(access_history), '%Y/%m/%d')
    AND day <= COALESCE(STRFTIME(CAST(today AS DATE), '%Y/%m/%d'), day)
  UNION ALL
  SELECT
    actor_id,
    actor_name,
    event_time,
    ip,
    network,
    NULL,
    user_agent
  FROM audit_events
  WHERE
    day >= STRFTIME(COALESCE(CAST(today AS DATE), CURRENT_DATE) - TO_DAYS(audit_history), '%Y/%m/%d')
    AND day <= COALESCE(STRFTIME(CAST(today AS DATE), '%Y/%m/%d'), day)
    AND action IN ('user_login', 'cli_login')
), places AS (
  SELECT
    'country' AS kind,
    country AS place,
    user_id,
    user_name,
    event_time,
    ip,
    user_agent
  FROM seen
  WHERE
    NOT country IS NULL
  UNION ALL
  SELECT
    'network',
    network,
    user_id,
    user_name,
    event_time,
    ip,
    user_agent
  FROM seen
  WHERE
    NOT network IS NULL
), users AS (
  SELECT
    user_id,
    MIN(event_time) AS user_first_seen
  FROM seen
  GROUP BY
    user_id
)
SELECT
  MIN(places.event_time) AS first_seen,
  places.user_id,
  ARG_MIN_NULL(places.user_name, places.event_time) AS user_name,
  places.kind,
  places.place,
  ARG_MIN_NULL(places.ip, places.event_time) AS ip,
  ARG_MIN_NULL(places.user_agent, places.event_time) AS user_agent,
  COUNT(*) AS times,
  MIN(users.user_first_seen) < CAST(COALESCE(CAST(today AS DATE), CURRENT_DATE) - TO_DAYS(days) AS TIMESTAMP) AS user_was_known
FROM places
JOIN users
  ON users.user_id = places.user_id
GROUP BY
  places.user_id,
  places.kind,
  places.place
HAVING
  MIN(places.event_time) >= CAST(COALESCE(CAST(today AS DATE), CURRENT_DATE) - TO_DAYS(days) AS TIMESTAMP)
ORDER BY
  first_seen DESC,
  places.user_id,
  places.kind,
  places.place
LIMIT 1000;
CREATE OR REPLACE VIEW logins_from_new_places AS FROM logins_from_new_places();

-- New devices per user. Devices that a user used in the last 7 days and not before. A device is a user agent without program versions.
CREATE OR REPLACE MACRO new_devices_per_user(days := 7, access_history := 180, audit_history := 30, today := NULL) AS TABLE
WITH seen AS (
  SELECT
    user_id,
    username AS user_name,
    event_time,
    ip,
    country,
    user_agent
  FROM access_events
  WHERE
    day >= STRFTIME(COALESCE(CAST(today AS DATE), CURRENT_DATE) - TO_DAYS(access_history), '%Y/%m/%d')
    AND day <= COALESCE(STRFTIME(CAST(today AS DATE), '%Y/%m/%d'), day)
  UNION ALL
  SELECT
    actor_id,
    actor_name,
    event_time,
    ip,
    NULL,
    user_agent
  FROM audit_events
  WHERE
    day >= STRFTIME(COALESCE(CAST(today AS DATE), CURRENT_DATE) - TO_DAYS(audit_history), '%Y/%m/%d')
    AND day <= COALESCE(STRFTIME(CAST(today AS DATE), '%Y/%m/%d'), day)
    AND action IN ('user_login', 'cli_login')
), devices AS (
  SELECT
    user_id,
    user_name,
    event_time,
    ip,
    country,
    user_agent,
    REGEXP_REPLACE(
      REGEXP_REPLACE(
        REGEXP_REPLACE(
          REGEXP_REPLACE(user_agent, '^SlackWeb(/0)? ', '', 'g'),
          '(OS X|OS|iOS|iPadOS|macOS|Android|Linux|CrOS [a-z0-9_]+) ([0-9]+)[^ ;,)]*',
          '\1 \2',
          'g'
        ),
        '(Windows NT [0-9]+[.][0-9]+)[0-9.]*|; rv:[0-9.]+',
        '\1',
        'g'
      ),
      '(Scale/[0-9.]+)|/[vV]?[0-9][^ ;,)]*| Build/[^ ;,)]+',
      '\1',
      'g'
    ) AS device
  FROM seen
  WHERE
    NOT user_agent IS NULL AND user_agent <> ''
)
SELECT
  MIN(event_time) AS first_seen,
  user_id,
  ARG_MIN_NULL(user_name, event_time) AS user_name,
  ARG_MIN_NULL(user_agent, event_time) AS user_agent,
  ARG_MIN_NULL(ip, event_time) AS ip,
  ARG_MIN_NULL(country, event_time) AS country,
  COUNT(*) AS times
FROM devices
GROUP BY
  user_id,
  device
HAVING
  MIN(event_time) >= CAST(COALESCE(CAST(today AS DATE), CURRENT_DATE) - TO_DAYS(days) AS TIMESTAMP)
ORDER BY
  first_seen DESC,
  user_id,
  user_agent
LIMIT 1000;
CREATE OR REPLACE VIEW new_devices_per_user AS FROM new_devices_per_user();

-- Who did what today. Actors and actions of today (UTC) in the audit logs, most frequent first, with the numbers of entities and IP addresses.
CREATE OR REPLACE MACRO who_did_what_today(today := NULL) AS TABLE
SELECT
  COALESCE(actor_email, actor_name, actor_id) AS actor,
  action,
  COUNT(*) AS times,
  MIN(event_time) AS first_time,
  MAX(event_time) AS last_time,
  ARG_MIN_NULL(entity_name, event_time) AS first_entity,
  COUNT(DISTINCT entity_id) AS entities,
  COUNT(DISTINCT ip) AS addresses
FROM audit_events
WHERE
  day = STRFTIME(COALESCE(CAST(today AS DATE), CURRENT_DATE), '%Y/%m/%d')
GROUP BY
  COALESCE(actor_email, actor_name, actor_id),
  action
ORDER BY
  times DESC,
  actor,
  action
LIMIT 1000;
CREATE OR REPLACE VIEW who_did_what_today AS FROM who_did_what_today();

-- The saved queries.
CREATE OR REPLACE VIEW queries AS
FROM (VALUES
  ('actor_timeline', 'who, days := 7, today', 'Activity of one person or app in the last 7 days, across the three log types, in order.'),
  ('admin_and_owner_changes', 'days := 30, today', 'Who granted or removed admin, owner and other roles or permissions, and for which user, in the last 30 days.'),
  ('anomalies', 'days := 30, today', 'Activity that Slack reported as unusual in the last 30 days, the reason, and changes to Slack''s response to anomalies.'),
  ('app_installs_and_scope_growth', 'days := 30, today', 'Apps that were installed, approved or granted more access in the last 30 days, by whom, and with which new scopes.'),
  ('completeness_by_day', 'days := 30, today', 'Whether each record of the last 30 days is stored exactly once: no duplicate p_row_id, unreadable line or missing object.'),
  ('exports_and_mass_downloads', 'days := 30, downloads := 100, today', 'Exports of the last 30 days, and actors with 100 or more downloads in one clock hour.'),
  ('findings', 'days := 30, today', 'Events of the last 30 days that public detections for Slack audit logs look for, with a severity, most severe first.'),
  ('guests_and_external_sharing', 'days := 30, today', 'Changes to guests, to channels and messages shared with other organizations, and to public links in the last 30 days.'),
  ('integrations_added', 'days := 30, today', 'Apps, services and feeds that were added, enabled or given more scopes in the last 30 days, on any paid plan.'),
  ('lateness', 'days := 7, today', 'Delay between the time of a record and its collection in the last 7 days, including history and outages.'),
  ('logins_from_new_places', 'days := 7, access_history := 180, audit_history := 30, today', 'Users whose country or network was new in the last 7 days, from access and audit logs.'),
  ('new_devices_per_user', 'days := 7, access_history := 180, audit_history := 30, today', 'Devices that a user used in the last 7 days and not before. A device is a user agent without program versions.'),
  ('who_did_what_today', 'today', 'Actors and actions of today (UTC) in the audit logs, most frequent first, with the numbers of entities and IP addresses.')
) AS listed (query, parameters, description);
