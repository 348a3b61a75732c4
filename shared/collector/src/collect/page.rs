//! A page that is read while it arrives.

use futures_util::lock::{Mutex, MutexGuard};

use slacktrail_core::error::Error;
use slacktrail_core::slack::{Advance, PageError, PageFields, PageReader, RawRow, Request, Response, too_large};
use slacktrail_core::time::Second;
use slacktrail_ports::Body;

/// Only one stream at a time reads a row longer than this, because each concurrent stream might receive a row of the maximum length.
const LONG_ROW_BYTES: usize = 256 << 10;

/// A response that is being read, row by row.
pub(super) struct OpenPage<'a> {
    request: Request,
    /// The response. Its body is read by [`OpenPage::advance`].
    pub(super) response: Response<Body>,
    reader: PageReader,
    /// Whether the reader holds a row that `advance` has not returned yet.
    has_row: bool,
    long_rows: &'a Mutex<()>,
    long_row: Option<MutexGuard<'a, ()>>,
}

impl<'a> OpenPage<'a> {
    /// Reads a response up to its first row, or to its end if it has none.
    ///
    /// # Errors
    ///
    /// Returns an error if the response breaks off or exceeds a limit.
    pub(super) async fn open(
        request: &Request,
        response: Response<Body>,
        long_rows: &'a Mutex<()>,
    ) -> Result<OpenPage<'a>, Error> {
        let reader = PageReader::new(request.method);
        let mut page =
            OpenPage { request: request.clone(), response, reader, has_row: false, long_rows, long_row: None };
        page.has_row = page.advance().await?;
        Ok(page)
    }

    /// Returns the error of a response without rows, or `None` if it is a page.
    pub(super) fn page_error(&self, now: Second) -> Option<PageError> {
        if self.has_row { None } else { self.end(now).err() }
    }

    /// Reads up to the next row. Returns `false` at the end of the page.
    ///
    /// # Errors
    ///
    /// Returns an error if the response breaks off or exceeds a limit.
    pub(super) async fn advance(&mut self) -> Result<bool, Error> {
        if std::mem::take(&mut self.has_row) {
            return Ok(true);
        }
        loop {
            match self.reader.advance().map_err(|limit| too_large(&self.request, limit))? {
                Advance::Row => return Ok(true),
                Advance::End => return Ok(false),
                Advance::More => {}
            }
            if self.reader.held_bytes() > LONG_ROW_BYTES && self.long_row.is_none() {
                self.long_row = Some(self.long_rows.lock().await);
            }
            match self.response.body.chunk().await? {
                Some(chunk) => self.reader.push(&chunk).map_err(|limit| too_large(&self.request, limit))?,
                None => self.reader.end(),
            }
        }
    }

    /// Returns the current row.
    pub(super) fn row(&self) -> RawRow<'_> {
        self.reader.row()
    }

    /// Lets another stream read a long row, after the rows of this page so far were stored.
    pub(super) fn release(&mut self) {
        self.long_row = None;
    }

    /// Returns the fields beside the rows, after the whole page was read.
    ///
    /// # Errors
    ///
    /// Returns an error if the response is not a page.
    pub(super) fn end(&self, now: Second) -> Result<PageFields, PageError> {
        self.response.page_fields(&self.reader, &self.request, now)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn long_row_waits_for_other_long_row_and_short_row_does_not() {
        let open = |bytes: usize, long_rows: &Mutex<()>| {
            let row = format!(r#"{{"entries":["{}"#, "x".repeat(bytes)).into_bytes();
            let chunks = [row, br#""]}"#.to_vec()].map(Ok);
            let body = Body::chunks(futures_util::stream::iter(chunks));
            let response = Response::<()> { status: 200, ..Response::default() }.with_body(body);
            let request = Request::audit_logs(Second::EPOCH, Second::EPOCH, 1, None);
            let opened = OpenPage::open(&request, response, long_rows);
            let mut page = opened.now_or_never()?.unwrap();
            let is_held = long_rows.try_lock().is_none();
            page.release();
            Some((is_held, long_rows.try_lock().is_none()))
        };
        let (free, held) = (Mutex::new(()), Mutex::new(()));
        let _held = held.try_lock().unwrap();
        assert_eq!(open(LONG_ROW_BYTES, &free), Some((true, false)));
        assert_eq!(open(LONG_ROW_BYTES, &held), None);
        assert_eq!(open(LONG_ROW_BYTES / 2, &free), Some((false, false)));
        assert_eq!(open(LONG_ROW_BYTES / 2, &held), Some((true, true)), "another page holds the lock");
    }
}
