//! A request of HTTP/1.1, without I/O.

use thiserror::Error;

/// Bytes of request line and header fields.
const LONGEST_HEAD: usize = 8 * 1024;

/// Bytes of a body.
const LONGEST_BODY: usize = 64 * 1024;

/// A request. `Debug` leaves the body out: it may let its sender in.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// `POST`, for instance.
    pub method: String,
    /// The path, and what follows it.
    pub target: String,
    /// Names, in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// Any bytes.
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// The value of a header field, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl std::fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("target", &self.target)
            .field("body", &format_args!("({} bytes)", self.body.len()))
            .finish_non_exhaustive()
    }
}

/// Why something is no request that is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadRequest {
    /// Longer than 8 KiB of header fields, or 64 KiB of a body.
    #[error("the request is too long")]
    TooLong,
    /// It is not HTTP/1.1, or a header field is none.
    #[error("this is no request of HTTP/1.1")]
    Malformed,
    /// Its body has no length that is known beforehand.
    #[error("a body needs a Content-Length")]
    Length,
}

/// Takes the bytes of a request, in whatever pieces.
#[derive(Default)]
pub struct RequestReader {
    bytes: Vec<u8>,
    head: Option<(HttpRequest, usize)>,
}

impl RequestReader {
    /// The request, once it is whole. What comes behind it is of no interest.
    ///
    /// # Errors
    ///
    /// [`BadRequest`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<HttpRequest>, BadRequest> {
        self.bytes.extend_from_slice(bytes);
        if self.head.is_none() {
            let end = self.bytes.windows(4).position(|window| window == b"\r\n\r\n");
            match end.filter(|end| *end <= LONGEST_HEAD) {
                Some(end) => {
                    self.head = Some(head(&self.bytes[..end])?);
                    self.bytes.drain(..end + 4);
                }
                None if self.bytes.len() > LONGEST_HEAD => return Err(BadRequest::TooLong),
                None => return Ok(None),
            }
        }
        let Some((request, length)) = self.head.take() else { return Ok(None) };
        if self.bytes.len() < length {
            self.head = Some((request, length));
            return Ok(None);
        }
        Ok(Some(HttpRequest { body: self.bytes.drain(..length).collect(), ..request }))
    }
}

/// Request line and header fields, and how long the body is.
fn head(bytes: &[u8]) -> Result<(HttpRequest, usize), BadRequest> {
    let text = std::str::from_utf8(bytes).map_err(|_| BadRequest::Malformed)?;
    let mut lines = text.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some("HTTP/1.1"), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(BadRequest::Malformed);
    };
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
        is_name.then(|| (name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    let headers = headers.collect::<Option<_>>().ok_or(BadRequest::Malformed)?;
    let request = HttpRequest { method: method.to_owned(), target: target.to_owned(), headers, body: Vec::new() };
    if request.header("transfer-encoding").is_some() {
        return Err(BadRequest::Length);
    }
    let length = request.header("content-length").map(str::parse::<usize>).transpose();
    match length.map_err(|_| BadRequest::Length)?.unwrap_or(0) {
        length if length > LONGEST_BODY => Err(BadRequest::TooLong),
        length => Ok((request, length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &[u8] = b"POST /a?b HTTP/1.1\r\nHost: h\r\nContent-LENGTH: 3\r\n\r\nabc";

    #[test]
    fn it_is_read_in_whatever_pieces() {
        for size in 1..=REQUEST.len() {
            let mut reader = RequestReader::default();
            let mut read = REQUEST.chunks(size).filter_map(|piece| reader.push(piece).unwrap());
            let request = read.next().unwrap();
            assert_eq!((&*request.method, &*request.target, &*request.body), ("POST", "/a?b", &b"abc"[..]));
            assert_eq!(request.header("content-length"), Some("3"));
            assert!(read.next().is_none());
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        let long = format!("POST / HTTP/1.1\r\nA: {}", "a".repeat(LONGEST_HEAD));
        for (bytes, expected) in [
            ("POST / HTTP/1.0\r\n\r\n", BadRequest::Malformed),
            ("POST /\r\n\r\n", BadRequest::Malformed),
            ("POST / HTTP/1.1\r\nno colon\r\n\r\n", BadRequest::Malformed),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", BadRequest::Length),
            ("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", BadRequest::Length),
            ("POST / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", BadRequest::TooLong),
            (&long, BadRequest::TooLong),
        ] {
            assert_eq!(RequestReader::default().push(bytes.as_bytes()).unwrap_err(), expected, "{bytes}");
        }
    }
}
