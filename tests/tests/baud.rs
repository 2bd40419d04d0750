//! The baud rate is found, on a real pseudo-terminal. It has no bits, but it knows the rate that the host has set: a module at
//! another one hears garbage, and is heard as such.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use atmqtt::{Baud, Error, Fault, Modem, ModemOptions};
use atmqtt_tests::soon;
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use tempfile::TempDir;

/// What a port may be connected to.
#[derive(Debug, Clone, Copy)]
struct Module {
    /// In bits per second.
    rate: u32,
    /// How many commands it does not hear: it is asleep, or starting.
    deaf: usize,
    /// What it says to a command. `None`: nothing at any time.
    answer: Option<fn(&str) -> &'static str>,
    /// What comes back at another rate.
    garbage: &'static [u8],
}

/// A module that is awake, at this rate.
fn module(rate: u32) -> Module {
    let answer = |command: &str| match command {
        "ATI" => "\r\nLierda\r\nNT26E\r\n\r\nOK\r\n",
        "AT+CMEE?" => "\r\n+CMEE: 1\r\n\r\nOK\r\n",
        "AT+CFUN?" => "\r\n+CFUN: 1\r\n\r\nOK\r\n",
        _ => "\r\nOK\r\n",
    };
    Module { rate, deaf: 0, answer: Some(answer), garbage: b"\xf8\x00\x80\xfe" }
}

/// A module at the end of a pseudo-terminal. It lives as long as somebody has the port open.
struct Port {
    /// A link, since the next test may get the same pseudo-terminal.
    path: String,
    _folder: TempDir,
    /// The rates at which the host has spoken, each time that it did.
    heard: Arc<Mutex<Vec<u32>>>,
    _open: OwnedFd,
}

impl Port {
    fn of(module: Module) -> Port {
        Port::open(module).expect("a pseudo-terminal")
    }

    fn open(module: Module) -> io::Result<Port> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let target = PathBuf::from(OsString::from_vec(ptsname(&master, Vec::new())?.into_bytes()));
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("modem");
        std::os::unix::fs::symlink(&target, &path)?;
        let open = rustix::fs::open(&target, OFlags::RDWR | OFlags::NOCTTY, Mode::empty())?;
        let mut termios = tcgetattr(&open)?;
        termios.make_raw();
        tcsetattr(&open, OptionalActions::Now, &termios)?;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let rates = Arc::clone(&heard);
        thread::spawn(move || module.run(File::from(master), &rates));
        let path = path.into_os_string().into_string().expect("a path in UTF-8");
        Ok(Port { path, _folder: folder, heard, _open: open })
    }

    /// The rates at which the host has spoken since this was last asked, one after the other.
    fn rates(&self) -> Vec<u32> {
        let mut rates = std::mem::take(&mut *self.heard.lock().expect("no panic on the other side"));
        rates.dedup();
        rates
    }
}

impl Module {
    /// Until nobody has the port open any more: reading and writing fail then.
    fn run(mut self, mut master: File, heard: &Mutex<Vec<u32>>) -> io::Result<()> {
        let (mut buffer, mut line) = ([0; 256], Vec::new());
        loop {
            let count = master.read(&mut buffer)?;
            let rate = tcgetattr(&master)?.output_speed();
            heard.lock().expect("no panic on the other side").push(rate);
            if rate != self.rate {
                master.write_all(self.garbage)?;
                continue;
            }
            line.extend_from_slice(&buffer[..count]);
            while let Some(end) = line.iter().position(|byte| *byte == b'\r') {
                let command: Vec<u8> = line.drain(..=end).collect();
                if self.deaf > 0 {
                    self.deaf -= 1;
                } else if let Some(answer) = self.answer {
                    master.write_all(answer(&String::from_utf8_lossy(&command[..end])).as_bytes())?;
                }
            }
        }
    }
}

#[tokio::test]
async fn the_rate_is_found_and_known_the_next_time() {
    let port = Port::of(module(9600));
    let modem = soon(Modem::open(&port.path)).await.unwrap();
    assert_eq!((modem.baud(), port.rates()), (Some(9600), vec![115_200, 9600]));
    assert_eq!(modem.profile().model.name.as_ref(), "lierda-nt26e");
    modem.close().await;

    let modem = soon(Modem::open(&port.path)).await.unwrap();
    assert_eq!((modem.baud(), port.rates()), (Some(9600), vec![9600]));
}

#[tokio::test]
async fn a_module_at_the_usual_rate_is_found_at_once() {
    let port = Port::of(module(115_200));
    let modem = soon(Modem::open(&port.path)).await.unwrap();
    assert_eq!((modem.baud(), port.rates()), (Some(115_200), vec![115_200]));
}

#[tokio::test]
async fn a_module_that_was_asleep_is_found_by_the_second_question() {
    for garbage in [&b""[..], b"\xff"] {
        let port = Port::of(Module { deaf: 1, garbage, ..module(57_600) });
        let modem = soon(Modem::open(&port.path)).await.unwrap();
        assert_eq!((modem.baud(), port.rates()), (Some(57_600), vec![115_200, 9600, 57_600]));
    }
}

#[tokio::test]
async fn a_rate_that_was_named_is_the_only_one() {
    let port = Port::of(module(9600));
    for baud in [9600.into(), Baud::Fixed(9600)] {
        let modem = soon(Modem::open_with(&port.path, ModemOptions::new().baud(baud))).await.unwrap();
        assert_eq!((modem.baud(), port.rates()), (Some(9600), vec![9600]));
        modem.close().await;
    }
}

#[tokio::test]
async fn the_likeliest_rate_is_that_of_the_profile() {
    let port = Port::of(module(460_800));
    let mut profile = atmqtt::Profile::named("lierda-nt26e").unwrap().clone();
    profile.rules.baud.value = 460_800;
    let modem = soon(Modem::open_with(&port.path, ModemOptions::new().profile(profile))).await.unwrap();
    assert_eq!((modem.baud(), port.rates()), (Some(460_800), vec![460_800]));
}

/// It answers none of the questions of the search, and the first one behind it.
#[tokio::test]
async fn a_module_that_is_still_starting_is_waited_for() {
    let port = Port::of(Module { deaf: 2, ..module(115_200) });
    let modem = soon(Modem::open(&port.path)).await.unwrap();
    assert_eq!(modem.baud(), Some(115_200));
    let tried = [115_200, 9600, 57_600, 19_200, 230_400, 460_800, 921_600, 115_200];
    assert_eq!(port.rates(), tried);
}

#[tokio::test]
async fn nothing_at_any_rate_is_an_error_that_names_them() {
    let port = Port::of(Module { answer: None, garbage: b"", ..module(115_200) });
    let began = Instant::now();
    let options = ModemOptions::new().patience(Duration::ZERO);
    let error = soon(Modem::open_with(&port.path, options)).await.map(drop).unwrap_err();
    let rates = vec![115_200, 9600, 57_600, 19_200, 230_400, 460_800, 921_600];
    assert_eq!(error, Error::NoAnswer { rates });
    assert_eq!((error.code(), error.is_retryable()), ("modem.no_answer", true));
    assert!(error.to_string().contains("115200, 9600"), "{error}");
    assert!(began.elapsed().as_secs() < 25, "{:?}", began.elapsed());
    // At a rate that was named there is nothing to tell of others.
    let options = ModemOptions::new().baud(115_200).patience(Duration::ZERO);
    let error = soon(Modem::open_with(&port.path, options)).await.map(drop).unwrap_err();
    assert!(matches!(error, Error::Modem(Fault::NoAnswer { .. })), "{error:?}");
}
