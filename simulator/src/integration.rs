//! `team.integrationLogs`: a list with numbered pages. It has no cursor, no time bounds and no row IDs.

use jiff::Timestamp;

use crate::api_error::ApiError;
use crate::page::{Form, PageFault, count_and_page};
use crate::row_store::RowStore;
use crate::settings::{Direction, Settings};
use crate::visibility::VisibleRows;
use crate::{Request, Response, Row};

/// Returns the response of `team.integrationLogs`.
pub(crate) fn answer(
    store: &RowStore,
    settings: &Settings,
    now: Timestamp,
    request: &Request,
    visible_rows: &VisibleRows<'_>,
    page_fault: PageFault,
    form: Form,
) -> Result<Response, ApiError> {
    let (count, page) = count_and_page(request)?;
    if settings.integration_page_max.is_some_and(|last| page > last) {
        return Err(ApiError::new("over_pagination_limit"));
    }
    let count = count.min(settings.integration_count_max);
    let visible = store.rows().iter().filter(|row| row.is_visible(now) && visible_rows.covers(row));
    let mut rows: Vec<&Row> = visible.collect();
    if settings.integration_order == Direction::NewestFirst {
        rows.reverse();
    }
    Ok(form.numbered_page("logs", &rows, (count, page), page_fault))
}
