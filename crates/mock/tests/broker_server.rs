//! The bench broker on TCP, with a client that is nothing but bytes.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use atmqtt_mock::broker::{BrokerOptions, BrokerView, Message, Publisher, ReturnCode, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// CONNECT, clean, client identifiers `id` and `ix`, no keep-alive; the second with a will on `w`.
const CONNECT: &[u8] = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x02id";
const CONNECT_WITH_WILL: &[u8] = b"\x10\x14\x00\x04MQTT\x04\x06\x00\x00\x00\x02ix\x00\x01w\x00\x01x";
const ACCEPTED: &[u8] = b"\x20\x02\x00\x00";
/// SUBSCRIBE to `t` at `QoS` 0, and its SUBACK.
const SUBSCRIBE: &[u8] = b"\x82\x06\x00\x01\x00\x01t\x00";
const SUBACK: &[u8] = b"\x90\x03\x00\x01\x00";

fn bind(options: BrokerOptions) -> Server {
    Server::bind(SocketAddr::from(([127, 0, 0, 1], 0)), options).expect("a free port")
}

/// What must happen, happens soon; on a broken broker the test fails instead of hanging.
async fn soon<T>(event: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), event).await.expect("in time")
}

async fn expect(stream: &mut TcpStream, bytes: &[u8]) {
    let mut got = vec![0; bytes.len()];
    soon(stream.read_exact(&mut got)).await.expect("as many bytes");
    assert_eq!(got, bytes);
}

async fn expect_end(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    soon(stream.read_to_end(&mut rest)).await.expect("an orderly end");
    assert_eq!(rest, b"");
}

/// A client that is in.
async fn enter(server: &Server, connect: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.local_addr()).await.expect("a server that listens");
    stream.write_all(connect).await.expect("a server that reads");
    expect(&mut stream, ACCEPTED).await;
    stream
}

#[tokio::test]
async fn a_handle_sees_what_goes_on_and_interferes() {
    let server = bind(BrokerOptions::new());
    let handle = server.handle();
    let mut watcher = enter(&server, CONNECT).await;
    watcher.write_all(SUBSCRIBE).await.unwrap();
    expect(&mut watcher, SUBACK).await;
    let subscribed = |view: &BrokerView| view.session("id").is_some_and(|session| session.subscriptions.len() == 1);
    assert!(soon(handle.wait_for(subscribed)).await.is_some());

    handle.publish(Message::new("t", "x")).unwrap();
    expect(&mut watcher, b"\x30\x04\x00\x01tx").await;
    assert!(handle.publish(Message::new("#", "x")).is_err());

    let mut mortal = enter(&server, CONNECT_WITH_WILL).await;
    handle.drop_link("nobody");
    handle.drop_link("ix");
    expect_end(&mut mortal).await;
    soon(handle.wait_for(|view| view.published == 2)).await.unwrap();
    let published = handle.published();
    let publishers: Vec<_> = published.into_iter().map(|taken| taken.publisher).collect();
    assert_eq!(publishers, [Publisher::Owner, Publisher::Will("ix".to_owned())]);
    soon(handle.wait_for(|view| view.sessions.len() == 1)).await.unwrap();
    assert_eq!(handle.sessions()[0].client_id, "id");
}

#[tokio::test]
async fn a_refusal_arrives_even_if_the_client_did_not_wait_for_it() {
    let server = bind(BrokerOptions::new().sign_in(|_| ReturnCode::NotAuthorized));
    let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
    stream.write_all(&[CONNECT, SUBSCRIBE].concat()).await.unwrap();
    stream.write_all(&SUBSCRIBE.repeat(1000)).await.unwrap();
    expect(&mut stream, b"\x20\x02\x00\x05").await;
    expect_end(&mut stream).await;
}

#[tokio::test]
async fn a_link_that_stays_silent_is_closed() {
    let server = bind(BrokerOptions::new().connect_timeout(Duration::from_millis(20)));
    let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
    expect_end(&mut stream).await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_holds_up_nobody_and_is_closed() {
    const LIMIT: usize = 256 * 1024;
    let server = bind(BrokerOptions::new().max_unsent(LIMIT));
    let handle = server.handle();
    let mut stuck = enter(&server, CONNECT_WITH_WILL).await;
    stuck.write_all(SUBSCRIBE).await.unwrap();
    expect(&mut stuck, SUBACK).await;
    let mut healthy = enter(&server, CONNECT).await;
    healthy.write_all(SUBSCRIBE).await.unwrap();
    expect(&mut healthy, SUBACK).await;

    // The kernel's own buffers come first: some megabytes.
    let payload = vec![b'x'; 64 * 1024];
    let mut packet = vec![0; payload.len() + 3 + 4];
    for _ in 0..2000 {
        handle.publish(Message::new("t", payload.clone())).unwrap();
        soon(healthy.read_exact(&mut packet)).await.unwrap();
        if handle.sessions().len() == 1 {
            break;
        }
    }
    let left: Vec<_> = handle.sessions().into_iter().map(|session| session.client_id).collect();
    assert_eq!(left, ["id"]);
    let by_will = handle.published().into_iter().filter(|taken| matches!(taken.publisher, Publisher::Will(_)));
    assert_eq!(by_will.count(), 1);
}

#[tokio::test]
async fn shutdown_closes_the_links_and_frees_the_port() {
    let server = bind(BrokerOptions::new());
    let (address, handle) = (server.local_addr(), server.handle());
    let mut stream = enter(&server, CONNECT).await;
    soon(server.shutdown()).await;
    expect_end(&mut stream).await;
    assert_eq!(soon(handle.wait_for(|view| view.published == 1)).await, None);
    handle.publish(Message::new("t", "nobody hears it")).unwrap();

    let server = Server::bind(address, BrokerOptions::new()).unwrap();
    enter(&server, CONNECT).await;
}

#[tokio::test]
async fn a_dropped_server_stops() {
    let server = bind(BrokerOptions::new());
    let mut stream = enter(&server, CONNECT).await;
    drop(server);
    expect_end(&mut stream).await;
}

#[test]
fn outside_of_a_runtime_there_is_an_error_and_no_panic() {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    assert!(Server::bind(address, BrokerOptions::new()).is_err());
}
