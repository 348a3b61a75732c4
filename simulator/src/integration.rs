//! `team.integrationLogs`: a list with numbered pages. It has no cursor, no time bounds and no row IDs.

use jiff::Timestamp;

use crate::access::count_and_page;
use crate::api_error::ApiError;
use crate::page::{Form, PageFault, Tail};
use crate::row_store::RowStore;
use crate::settings::{Direction, Settings};
use crate::visibility::VisibleRows;
use crate::{Request, Response, Row};

const ROWS_DEFAULT: usize = 100;

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
    let (count, page) = count_and_page(request, ROWS_DEFAULT)?;
    if settings.integration_page_max.is_some_and(|last| page > last) {
        return Err(ApiError::new("over_pagination_limit"));
    }
    let count = count.min(settings.integration_count_max);
    let visible = store.rows().iter().filter(|row| row.is_visible(now) && visible_rows.covers(row));
    let mut rows: Vec<&Row> = visible.collect();
    if settings.integration_order == Direction::NewestFirst {
        rows.reverse();
    }
    let of_page = if page_fault.page_ignored { 1 } else { page };
    let shown = page_fault.rows_of_numbered(settings, count, of_page * count >= rows.len());
    let shown = rows.iter().skip((of_page - 1) * count).take(shown);
    let shown: Vec<&Row> = shown.copied().collect();
    let total = page_fault.claims.unwrap_or(rows.len());
    Ok(form.page("logs", &shown, Tail::Paging { count, total, page }))
}
