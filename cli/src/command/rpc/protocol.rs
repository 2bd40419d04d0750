//! JSON-RPC 2.0, a line each way: what a line of input is, and how answers and notifications are written. Of methods it knows
//! nothing.

use std::io;

use serde::Serialize;
use serde_json::{Map, Value};
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

use crate::exit::Failure;
use crate::nearest::nearest;
use crate::render::json;

/// The longest line that is read, in bytes: far beyond what any module takes, and still no danger to the host's memory.
pub(super) const LONGEST: usize = 1 << 20;

/// Numbers from which on a parser may round: an `id` like that could come back as another one.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// How much of a name that nobody knows is repeated.
const SHOWN: usize = 64;

const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
const METHOD_NOT_FOUND: i32 = -32601;
const INVALID_PARAMS: i32 = -32602;
/// Where the errors begin that the program ends with elsewhere: the exit code is taken off.
const OF_EXIT: i32 = -32000;

/// A line of input, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Whole(Vec<u8>),
    /// It was longer than [`LONGEST`], and is gone.
    TooLong,
}

/// Cuts input into lines.
#[derive(Debug)]
pub(super) struct Lines<R> {
    input: R,
    line: Vec<u8>,
    too_long: bool,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(super) fn new(input: R) -> Lines<R> {
        Lines { input, line: Vec::new(), too_long: false }
    }

    /// The next line; `None` at the end. What stands behind the last line end is a line too.
    ///
    /// Cancel safe.
    pub(super) async fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            let chunk = self.input.fill_buf().await?;
            if chunk.is_empty() {
                let rest = self.take();
                return Ok((rest != Line::Whole(Vec::new())).then_some(rest));
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let piece = &chunk[..end.unwrap_or(chunk.len())];
            if self.line.len() + piece.len() > LONGEST {
                self.too_long = true;
                self.line = Vec::new();
            }
            if !self.too_long {
                self.line.extend_from_slice(piece);
            }
            let used = piece.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() {
                return Ok(Some(self.take()));
            }
        }
    }

    fn take(&mut self) -> Line {
        let line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.too_long) { Line::TooLong } else { Line::Whole(line) }
    }
}

/// A request; without an `id` nobody wants an answer.
#[derive(Debug, PartialEq)]
pub(super) struct Request {
    pub(super) id: Option<Value>,
    pub(super) method: String,
    pub(super) params: Option<Value>,
}

/// What is no request, and whom to tell.
#[derive(Debug, PartialEq)]
pub(super) struct Invalid {
    pub(super) id: Value,
    pub(super) error: Error,
}

impl Request {
    /// Reads a line. `None`: there is nothing in it.
    pub(super) fn read(line: Line) -> Option<Result<Request, Invalid>> {
        match line {
            Line::Whole(line) if line.iter().all(u8::is_ascii_whitespace) => None,
            Line::Whole(line) => Some(Request::parse(&line)),
            Line::TooLong => {
                let error = Error::invalid_request(format!("the line is longer than {LONGEST} bytes"));
                Some(Err(Invalid { id: Value::Null, error }))
            }
        }
    }

    fn parse(line: &[u8]) -> Result<Request, Invalid> {
        let nobody = |error| Invalid { id: Value::Null, error };
        let value = serde_json::from_slice(line)
            .map_err(|fault| nobody(Error::new(PARSE_ERROR, "input.parse", format!("this is no JSON: {fault}"))))?;
        let mut object = match value {
            Value::Object(object) => object,
            Value::Array(_) => {
                let error = Error::invalid_request("batches are not taken");
                return Err(nobody(error.help("write each request on a line of its own: they are in flight together")));
            }
            _ => return Err(nobody(Error::invalid_request("a request is an object"))),
        };
        let id = object.remove("id");
        if let Some(id) = &id
            && !is_id(id)
        {
            return Err(nobody(Error::invalid_request("an id is a string, a number that is not too large, or null")));
        }
        Request::of(object, id.clone()).map_err(|error| Invalid { id: id.unwrap_or_default(), error })
    }

    fn of(mut object: Map<String, Value>, id: Option<Value>) -> Result<Request, Error> {
        if object.remove("jsonrpc") != Some(Value::from("2.0")) {
            return Err(Error::invalid_request("a request says what it is: \"jsonrpc\":\"2.0\""));
        }
        let Some(Value::String(method)) = object.remove("method") else {
            return Err(Error::invalid_request("a request has a method, which is a string"));
        };
        let params = object.remove("params");
        if !matches!(params, None | Some(Value::Object(_) | Value::Array(_))) {
            return Err(Error::invalid_request("params are an object"));
        }
        match object.keys().next() {
            None => Ok(Request { id, method, params }),
            // Passed over, `parms` would be a request without params.
            Some(other) => Err(Error::invalid_request(format!("a request has no {:?}", shown(other)))
                .did_you_mean(other, ["jsonrpc", "id", "method", "params"])),
        }
    }
}

fn is_id(id: &Value) -> bool {
    match id {
        Value::Null | Value::String(_) => true,
        Value::Number(number) => !number.is_f64() || number.as_f64().is_some_and(|number| number.abs() < EXACT),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

/// A name that came from outside, not longer than it has to be.
pub(super) fn shown(name: &str) -> &str {
    let mut end = name.len().min(SHOWN);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Error {
    code: i32,
    message: String,
    data: Box<Data>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Data {
    /// Stable, dotted, lower case.
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    /// The number that the vendor gave for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor_code: Option<i32>,
    /// Which of the params it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl Error {
    fn new(code: i32, name: &'static str, message: impl Into<String>) -> Error {
        let data = Data { code: name, help: None, vendor_code: None, field: None };
        Error { code, message: message.into(), data: Box::new(data) }
    }

    fn invalid_request(message: impl Into<String>) -> Error {
        Error::new(INVALID_REQUEST, "input.request", message)
    }

    pub(super) fn unknown_method(method: &str) -> Error {
        Error::new(METHOD_NOT_FOUND, "input.unknown_method", format!("there is no method {:?}", shown(method)))
    }

    pub(super) fn params(message: impl Into<String>) -> Error {
        Error::new(INVALID_PARAMS, "input.params", message)
    }

    /// About one of the params.
    pub(super) fn field(field: &str, message: impl Into<String>) -> Error {
        let mut error = Error::params(message);
        error.data.field = Some(shown(field).to_owned());
        error
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Error {
        self.data.help = Some(help.into());
        self
    }

    /// Names what is nearest to a name that nobody knows, and what else is known.
    pub(super) fn did_you_mean<'a>(self, typed: &str, known: impl IntoIterator<Item = &'a str>) -> Error {
        let known: Vec<&str> = known.into_iter().collect();
        let meant = nearest(shown(typed), known.iter().copied());
        let meant = meant.map(|meant| format!("did you mean {meant}? ")).unwrap_or_default();
        let known = if known.is_empty() {
            "there are none".to_owned()
        } else {
            format!("these are known: {}", known.join(", "))
        };
        self.help(format!("{meant}{known}"))
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        let code = OF_EXIT - i32::from(failure.exit() as u8);
        let Failure { code: name, message, help, vendor_code } = failure;
        Error { code, message, data: Box::new(Data { code: name, help, vendor_code, field: None }) }
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    jsonrpc: &'static str,
    id: &'a Value,
    #[serde(flatten)]
    outcome: Outcome<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome<'a> {
    Result(&'a Value),
    Error(&'a Error),
}

#[derive(Serialize)]
struct Notification<'a, P> {
    jsonrpc: &'static str,
    method: &'static str,
    params: &'a P,
}

/// The answer to a request, as a line.
pub(super) fn answer(id: &Value, outcome: Result<&Value, &Error>) -> String {
    let outcome = match outcome {
        Ok(result) => Outcome::Result(result),
        Err(error) => Outcome::Error(error),
    };
    json(&Answer { jsonrpc: "2.0", id, outcome })
}

/// Something that nobody asked for, as a line.
pub(super) fn notification(method: &'static str, params: &impl Serialize) -> String {
    json(&Notification { jsonrpc: "2.0", method, params })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tokio::io::BufReader;

    async fn lines(input: &[u8]) -> Vec<Line> {
        let mut lines = Lines::new(BufReader::with_capacity(7, input));
        let mut read = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            read.push(line);
        }
        read
    }

    #[tokio::test]
    async fn a_line_is_what_stands_before_a_line_end_or_the_end() {
        let whole = |text: &str| Line::Whole(text.as_bytes().to_vec());
        assert_eq!(lines(b"").await, []);
        assert_eq!(
            lines(b"a\n\nlonger than the buffer\nrest").await,
            [whole("a"), whole(""), whole("longer than the buffer"), whole("rest")]
        );
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_gone_and_the_next_is_read() {
        let longest = vec![b'x'; LONGEST];
        let input = [&longest[..], b"\n", &longest, b"x\nnext\n", &longest, b"yy"].concat();
        let next = Line::Whole(b"next".to_vec());
        assert_eq!(lines(&input).await, [Line::Whole(longest), Line::TooLong, next, Line::TooLong]);
    }

    /// A line without an end takes no memory.
    #[tokio::test]
    async fn a_line_that_never_ends_is_not_kept() {
        let mut input = Lines::new(BufReader::new(tokio::io::repeat(b'x')));
        let endless = tokio::time::timeout(std::time::Duration::from_millis(50), input.next()).await;
        assert!(endless.is_err() || input.line.capacity() <= 2 * LONGEST);
        assert!(input.line.capacity() <= 2 * LONGEST);
    }

    fn code(line: &str) -> (i64, Value) {
        let invalid = Request::read(Line::Whole(line.into())).unwrap().unwrap_err();
        (invalid.error.code.into(), invalid.id)
    }

    #[test]
    fn what_is_no_request_is_told_to_whoever_can_be_told() {
        for (line, expected, id) in [
            ("{", -32700, json!(null)),
            ("\u{feff}{}", -32700, json!(null)),
            ("[]", -32600, json!(null)),
            (r#"[{"jsonrpc":"2.0","id":1,"method":"info"}]"#, -32600, json!(null)),
            ("5", -32600, json!(null)),
            ("{}", -32600, json!(null)),
            (r#"{"id":1,"method":"info"}"#, -32600, json!(1)),
            (r#"{"jsonrpc":"1.0","id":1,"method":"info"}"#, -32600, json!(1)),
            (r#"{"jsonrpc":"2.0","id":"a"}"#, -32600, json!("a")),
            (r#"{"jsonrpc":"2.0","id":1,"method":5}"#, -32600, json!(1)),
            (r#"{"jsonrpc":"2.0","id":1,"method":"info","params":5}"#, -32600, json!(1)),
            (r#"{"jsonrpc":"2.0","id":1,"method":"info","parms":{}}"#, -32600, json!(1)),
            (r#"{"jsonrpc":"2.0","id":{},"method":"info"}"#, -32600, json!(null)),
            (r#"{"jsonrpc":"2.0","id":36893488147419103232,"method":"info"}"#, -32600, json!(null)),
        ] {
            assert_eq!(code(line), (expected, id), "{line}");
        }
        assert_eq!(Request::read(Line::TooLong).unwrap().unwrap_err().error.code, -32600);
        let bytes = Request::read(Line::Whole(b"{\"jsonrpc\":\"\xff\"}".to_vec())).unwrap().unwrap_err();
        assert_eq!(bytes.error.code, -32700);
    }

    #[test]
    fn ids_come_back_as_they_are() {
        for id in ["1", "-7", "18446744073709551615", "1.5", "\"a\\\"\u{6e29}\"", "null", "\"\""] {
            let line = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"info"}}"#);
            let request = Request::read(Line::Whole(line.into())).unwrap().unwrap();
            let id = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{}}}}");
            assert_eq!(answer(&request.id.unwrap(), Ok(&json!({}))), id);
        }
        let line = r#" {"jsonrpc":"2.0","method":"at","params":{"command":"AT"}} "#;
        let request = Request::read(Line::Whole(line.into())).unwrap().unwrap();
        assert_eq!((request.id, request.method.as_str()), (None, "at"));
        assert_eq!(Request::read(Line::Whole(b" \r".to_vec())), None);
    }

    #[test]
    fn a_failure_keeps_its_names_and_has_its_exit_code_in_the_number() {
        let failure = Failure { vendor_code: Some(5), ..Failure::new("broker.not_authorized", "no").help("ask") };
        assert_eq!(
            answer(&json!(7), Err(&failure.into())),
            concat!(
                r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32006,"message":"no","#,
                r#""data":{"code":"broker.not_authorized","help":"ask","vendor_code":5}}}"#
            )
        );
    }

    #[test]
    fn a_name_that_is_repeated_is_cut() {
        assert_eq!(shown("publish"), "publish");
        assert_eq!(shown(&"ä".repeat(100)).len(), 64);
        assert_eq!(shown(&format!("x{}", "ä".repeat(100))).len(), 63);
    }
}
