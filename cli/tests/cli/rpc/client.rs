//! A client that holds every line to the schema that is shipped.

use std::collections::{HashMap, VecDeque};

use atmqtt_mock::Mock;
use serde_json::{Value, json};

use crate::program::{Running, port, url};
use crate::schema::Schema;

const SCHEMA: &str = include_str!("../../../../docs/rpc.schema.json");

pub(crate) struct Client {
    pub(crate) program: Running,
    /// Everything that has come, as it came.
    pub(crate) seen: String,
    schema: Schema,
    /// What was asked for, by the id.
    asked: HashMap<String, String>,
    next: u64,
    answers: VecDeque<Value>,
    notifications: VecDeque<Value>,
}

impl Client {
    /// The program on a mock, whose broker it knows.
    pub(crate) fn start(mock: &Mock, more: &[&str]) -> Client {
        Client::with(&[&["rpc", "--port", port(mock), "--broker", url(mock)], more].concat())
    }

    pub(crate) fn with(arguments: &[&str]) -> Client {
        Client::of(Running::start(arguments))
    }

    pub(crate) fn of(program: Running) -> Client {
        let schema = Schema::parse(SCHEMA);
        let (answers, notifications) = (VecDeque::new(), VecDeque::new());
        Client { program, seen: String::new(), schema, asked: HashMap::new(), next: 1, answers, notifications }
    }

    /// Asks, and does not wait; gives the id.
    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = json!(self.next);
        self.next += 1;
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.schema.check("request", &request).expect("a request of the schema");
        self.ask_anything(method, &request).await;
        id
    }

    /// Asks what may not be in the schema.
    pub(crate) async fn ask_anything(&mut self, method: &str, request: &Value) {
        if let Some(id) = request.get("id") {
            self.asked.insert(id.to_string(), method.to_owned());
        }
        self.program.write(&format!("{request}\n")).await;
    }

    /// The next line; `None` at the end.
    pub(crate) async fn line(&mut self) -> Option<Value> {
        let line = self.program.next_line().await?;
        self.seen.push_str(&line);
        let line: Value = serde_json::from_str(&line).expect("a line is JSON");
        self.schema.check_root(&line).expect("a line of the schema");
        if let (Some(result), Some(method)) = (line.get("result"), self.asked.get(&line["id"].to_string())) {
            self.schema.check(&format!("{method}.result"), result).expect("a result of the schema");
        }
        Some(line)
    }

    /// Whatever comes next is put where it is looked for.
    async fn sort(&mut self) {
        let line = self.line().await.expect("stdout goes on");
        if line.get("method").is_some() { &mut self.notifications } else { &mut self.answers }.push_back(line);
    }

    /// The answer to a request.
    pub(crate) async fn answer(&mut self, id: &Value) -> Value {
        loop {
            if let Some(place) = self.answers.iter().position(|answer| answer["id"] == *id) {
                return self.answers.remove(place).expect("it is there");
            }
            self.sort().await;
        }
    }

    /// Asks, and gives the result.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.ask(method, params).await;
        let answer = self.answer(&id).await;
        answer.get("result").unwrap_or_else(|| panic!("{method}: {answer}")).clone()
    }

    /// Asks for what is refused, and gives the error.
    pub(crate) async fn refused(&mut self, method: &str, params: Value) -> Value {
        let id = json!(self.next);
        self.next += 1;
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.ask_anything(method, &request).await;
        let answer = self.answer(&id).await;
        answer.get("error").unwrap_or_else(|| panic!("{method}: {answer}")).clone()
    }

    /// The params of the next notification of this kind that fits; those before it are passed over.
    pub(crate) async fn notified(&mut self, method: &str, mut fits: impl FnMut(&Value) -> bool) -> Value {
        loop {
            while let Some(line) = self.notifications.pop_front() {
                if line["method"] == method && fits(&line["params"]) {
                    return line["params"].clone();
                }
            }
            self.sort().await;
        }
    }

    /// Ends stdin, and gives what comes until stdout ends, too.
    pub(crate) async fn end(&mut self) -> Vec<Value> {
        drop(self.program.stdin.take());
        self.rest().await
    }

    /// What comes until stdout ends.
    pub(crate) async fn rest(&mut self) -> Vec<Value> {
        let mut lines: Vec<Value> = self.answers.drain(..).chain(self.notifications.drain(..)).collect();
        while let Some(line) = self.line().await {
            lines.push(line);
        }
        lines
    }

    pub(crate) async fn code(&mut self) -> Option<i32> {
        self.program.code().await
    }
}
