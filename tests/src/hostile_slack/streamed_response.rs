//! A response whose body is generated while it is sent.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::Response;
use hyper::body::{Bytes, Frame};
use jiff::Timestamp;

use crate::loopback::Closed;

/// The size of the pieces into which small parts are joined.
const PIECE_BYTES: usize = 64 << 10;

/// The body type of hyper responses.
pub(super) type Body = UnsyncBoxBody<Bytes, Closed>;

/// The next step of sending a body.
enum Step {
    Bytes(Bytes),
    Pause(Duration),
    Close,
}

/// A response to a call.
pub struct StreamedResponse {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    steps: Box<dyn Iterator<Item = Step> + Send>,
}

impl StreamedResponse {
    /// Creates a response with status 200 and a body of these parts.
    pub fn of(
        parts: impl IntoIterator<Item = impl Into<Bytes> + 'static, IntoIter: Send + 'static>,
    ) -> StreamedResponse {
        let parts = Joined { parts: parts.into_iter().map(Into::into) };
        StreamedResponse { status: 200, headers: Vec::new(), steps: Box::new(parts.map(Step::Bytes)) }
    }

    /// Creates a response with status 200 and this text as its body.
    pub fn text(text: impl Into<String>) -> StreamedResponse {
        StreamedResponse::of([text.into()])
    }

    /// Sets the status.
    pub fn status(self, status: u16) -> StreamedResponse {
        StreamedResponse { status, ..self }
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> StreamedResponse {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Compresses the body with gzip at its best compression level.
    pub fn gzip(self) -> StreamedResponse {
        let steps = Box::new(Packed { steps: self.steps, gzip: Some(GzEncoder::new(Vec::new(), Compression::best())) });
        StreamedResponse { steps, ..self }.header("content-encoding", "gzip")
    }

    /// Sends the body in pieces of `bytes`, with a pause before each.
    pub fn trickle(self, bytes: usize, pause: Duration) -> StreamedResponse {
        let pieces = self.steps.flat_map(move |step| match step {
            Step::Bytes(all) => {
                let starts = (0..all.len()).step_by(bytes);
                starts.map(|start| Step::Bytes(all.slice(start..all.len().min(start + bytes)))).collect()
            }
            other => vec![other],
        });
        let steps = pieces.flat_map(move |step| [Step::Pause(pause), step]);
        StreamedResponse { steps: Box::new(steps), ..self }
    }

    /// Closes the connection after this many bytes of the body.
    pub fn cut_off(self, bytes: usize) -> StreamedResponse {
        let mut left = bytes;
        let steps = self.steps.map_while(move |step| match step {
            Step::Bytes(all) if left > 0 => {
                let sent = all.slice(..all.len().min(left));
                left -= sent.len();
                Some(Step::Bytes(sent))
            }
            Step::Pause(pause) => Some(Step::Pause(pause)),
            _ => None,
        });
        StreamedResponse { steps: Box::new(steps.chain([Step::Close])), ..self }
    }

    pub(super) fn into_response(self) -> Result<Response<Body>, Closed> {
        let mut response = Response::builder().status(self.status);
        if self.headers.iter().all(|(name, _)| name != "date") {
            response = response.header("date", Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
        }
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        let frames = stream::unfold(self.steps, async |mut steps| {
            loop {
                match steps.next()? {
                    Step::Bytes(bytes) => return Some((Ok(Frame::data(bytes)), steps)),
                    Step::Pause(pause) => tokio::time::sleep(pause).await,
                    Step::Close => return Some((Err(Closed), steps)),
                }
            }
        });
        response.body(StreamBody::new(frames).boxed_unsync()).map_err(|_| Closed)
    }
}

/// Joins small parts into pieces, so that a page of a million rows is not sent row by row.
struct Joined<I> {
    parts: I,
}

impl<I: Iterator<Item = Bytes>> Iterator for Joined<I> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let first = self.parts.next()?;
        if first.len() >= PIECE_BYTES {
            return Some(first);
        }
        let mut piece = first.to_vec();
        while piece.len() < PIECE_BYTES {
            let Some(part) = self.parts.next() else { break };
            piece.extend_from_slice(&part);
        }
        Some(piece.into())
    }
}

/// Compresses a body while it is sent.
struct Packed {
    steps: Box<dyn Iterator<Item = Step> + Send>,
    gzip: Option<GzEncoder<Vec<u8>>>,
}

impl Iterator for Packed {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        loop {
            let gzip = self.gzip.as_mut()?;
            match self.steps.next() {
                Some(Step::Bytes(bytes)) => gzip.write_all(&bytes).expect("a write to memory succeeds"),
                Some(other) => return Some(other),
                None => {
                    let rest = self.gzip.take()?.finish().expect("a write to memory succeeds");
                    return Some(Step::Bytes(rest.into()));
                }
            }
            if !gzip.get_ref().is_empty() {
                return Some(Step::Bytes(std::mem::take(gzip.get_mut()).into()));
            }
        }
    }
}
