//! The order of things, with the cloud played byte by byte.

use atmqtt_credentials::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;

const ANSWER: &[u8] = br#"{"productKey":"pk","deviceName":"device","deviceSecret":"s3cret"}"#;
const ACCEPTED: [u8; 4] = [0x20, 2, 0, 0];

fn registration() -> Registration {
    Registration::new("pk", "device", Secret::new("product"), "123")
}

/// A PUBLISH, at QoS 1 with an identifier.
fn publish(topic: &str, packet_id: Option<u16>, payload: &[u8]) -> Vec<u8> {
    let mut body = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
    body.extend_from_slice(topic.as_bytes());
    body.extend(packet_id.into_iter().flat_map(u16::to_be_bytes));
    body.extend_from_slice(payload);
    let header = [if packet_id.is_some() { 0x32 } else { 0x30 }, u8::try_from(body.len()).unwrap()];
    [&header[..], &body].concat()
}

/// Takes a CONNECT.
async fn connect(cloud: &mut DuplexStream) -> Vec<u8> {
    let mut header = [0; 3];
    cloud.read_exact(&mut header).await.unwrap();
    let length = usize::from(header[1] & 0x7f) + (usize::from(header[2]) << 7);
    assert_eq!((header[0], header[1] & 0x80), (0x10, 0x80), "a CONNECT of more than 127 bytes");
    let mut body = vec![0; length];
    cloud.read_exact(&mut body).await.unwrap();
    body
}

/// Runs a registration against what `cloud` does with its end; gives what has come of it, and where a secret would be.
async fn run<F: Future<Output = ()>>(
    cloud: impl FnOnce(DuplexStream, std::path::PathBuf) -> F,
) -> (Result<(Registered, Kept), Failure>, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    let reserved = Reserved::at(&path).unwrap();
    // Whoever writes waits for each byte to be read: what is done behind a farewell is done too late.
    let (host, end) = duplex(1);
    let (registration, sign_in) = (registration(), registration().preregistered().unwrap());
    let (done, ()) = tokio::join!(
        exchange(host, "mqtts://cloud", &sign_in, |topic, payload| keep(&registration, topic, payload, reserved)),
        cloud(end, path.clone())
    );
    (done, directory)
}

#[tokio::test]
async fn the_secret_is_on_the_disk_before_anything_is_acknowledged_or_ended() {
    for packet_id in [None, Some(7)] {
        let (done, directory) = run(|mut cloud, path| async move {
            let said = connect(&mut cloud).await;
            assert!(said.windows(18).any(|window| window == b"authType=register,"));
            cloud.write_all(&ACCEPTED).await.unwrap();
            // In two pieces, of which neither is a packet.
            let answer = publish("/ext/register", packet_id, ANSWER);
            cloud.write_all(&answer[..40]).await.unwrap();
            tokio::task::yield_now().await;
            assert!(!path.exists());
            cloud.write_all(&answer[40..]).await.unwrap();
            let mut first = [0];
            cloud.read_exact(&mut first).await.unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "s3cret\n");
            let mut rest = Vec::new();
            cloud.read_to_end(&mut rest).await.unwrap();
            let expected: &[u8] = if packet_id.is_some() { &[0x40, 2, 0, 7, 0xe0, 0] } else { &[0xe0, 0] };
            assert_eq!([&first[..], &rest].concat(), expected);
        })
        .await;
        assert_eq!(done.unwrap().0, Registered::DeviceSecret(Secret::new("s3cret")));
        drop(directory);
    }
}

#[tokio::test]
async fn a_farewell_that_does_not_get_out_is_no_failure() {
    let (done, directory) = run(|mut cloud, _| async move {
        connect(&mut cloud).await;
        cloud.write_all(&[&ACCEPTED[..], &publish("/ext/regnwl", Some(1), ANSWER)].concat()).await.unwrap();
    })
    .await;
    assert!(done.unwrap().1.path.exists());
    drop(directory);
}

#[tokio::test]
async fn what_is_no_answer_is_told_and_leaves_nothing() {
    let other = br#"{"productKey":"pk","deviceName":"another","deviceSecret":"s3cret"}"#;
    for (bytes, code) in [
        (vec![], "network.closed"),
        (vec![0x20, 2, 0, 5], "broker.not_authorized"),
        (vec![0x20, 2, 0, 4], "broker.bad_user_name_or_password"),
        (vec![0x20, 2, 0, 9], "network.closed"),
        (b"HTTP/1.1 400 Bad Request\r\n".to_vec(), "network.closed"),
        (ACCEPTED.to_vec(), "unconfirmed.registration"),
        ([&ACCEPTED[..], &[0x30, 0xff, 0xff, 0xff, 0x7f]].concat(), "unconfirmed.registration"),
        ([&ACCEPTED[..], &publish("/ext/register", None, other)].concat(), "broker.registration_answer"),
        ([&ACCEPTED[..], &publish("/ext/other", None, ANSWER)].concat(), "broker.registration_answer"),
        ([&ACCEPTED[..], &publish("/ext/register", None, b"{}")].concat(), "broker.registration_answer"),
    ] {
        let sent = bytes.clone();
        let (done, directory) = run(|mut cloud, _| async move {
            connect(&mut cloud).await;
            cloud.write_all(&sent).await.unwrap();
        })
        .await;
        let failure = done.unwrap_err();
        assert_eq!(failure.code, code, "{bytes:?}: {failure}");
        assert!(!format!("{failure} {failure:?}").contains("s3cret"), "{failure}");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "{failure}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_is_not_waited_for() {
    let (done, _directory) = run(|mut cloud, _| async move {
        connect(&mut cloud).await;
        cloud.write_all(&ACCEPTED).await.unwrap();
        // Open, until the other end goes.
        cloud.read_to_end(&mut Vec::new()).await.unwrap();
    })
    .await;
    assert_eq!(done.unwrap_err().code, "unconfirmed.registration");
}
