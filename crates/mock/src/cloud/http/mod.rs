//! The part of a cloud that speaks HTTPS: one request a connection, which is answered and closed.

mod request;
mod server;

pub use request::{BadRequest, HttpRequest, RequestReader};
pub use server::HttpsServer;

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status, 200 for instance.
    pub status: u16,
    /// JSON.
    pub body: String,
}

impl HttpResponse {
    /// As it goes over the connection, which ends behind it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let Self { status, body } = self;
        let reason = match status {
            200 => "OK",
            400 => "Bad Request",
            404 => "Not Found",
            405 => "Method Not Allowed",
            _ => "",
        };
        let length = body.len();
        format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json;charset=utf-8\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}"
        )
        .into_bytes()
    }
}
