//! What the owner of a modem has to do for it, can do to it, and sees of it.

use std::time::Duration;

use super::link::{CONNECTIONS, LinkStatus, SocketId};

/// What a [`Modem`](super::Modem) wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Bytes for the host.
    Transmit(Vec<u8>),
    /// Open a TCP link; answer with [`NetworkInput::Dialled`](super::NetworkInput::Dialled).
    Dial {
        /// Names the link from here on.
        socket: SocketId,
        /// As the host gave it: a name or an address.
        host: String,
        /// As the host gave it, not 0.
        port: u16,
    },
    /// Bytes for the broker.
    Send {
        /// An open link.
        socket: SocketId,
        /// In order.
        bytes: Vec<u8>,
    },
    /// Close the link once what was sent has left. Nothing more is said or heard on it.
    HangUp {
        /// Open, or being dialled.
        socket: SocketId,
    },
    /// For the record: the modem has read a complete command line, from `AT` to before the CR.
    Heard(Vec<u8>),
    /// For the record: the data phase of the command line heard last is complete.
    HeardData(Vec<u8>),
}

/// Something that goes wrong now, ordered by a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The module restarts: boot text, every setting and every link lost.
    Reset,
    /// The module restarts, and nothing of its boot text reaches the host.
    BrownOut,
    /// Nothing from the host is heard and nothing is said, for that long or, without a time, until a reset. MQTT goes on inside.
    Mute(Option<Duration>),
    /// Every MQTT link breaks, as if the network had closed it.
    DropLinks,
    /// Every MQTT link breaks, and the module reports that its receive buffer has overflowed (LMQTT: `STATS,<id>,13`).
    Overflow,
    /// The next command is executed that much later.
    DelayNext(Duration),
    /// The next final result code `OK` is not sent.
    LoseNextOk,
    /// These bytes are sent to the host now, whatever is going on.
    Inject(Vec<u8>),
    /// So many unsolicited lines are sent to the host now.
    Flood(u32),
}

/// A snapshot of a [`Modem`](super::Modem).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The boot is complete.
    pub booted: bool,
    /// The command echo is on.
    pub echo: bool,
    /// The network has let the module in, home or roaming.
    pub registered: bool,
    /// The modem waits for the bytes of a data phase.
    pub wants_data: bool,
    /// The MQTT connections by their id.
    pub links: [LinkStatus; CONNECTIONS as usize],
    /// Bytes from the host that did not fit the receive buffer, since power-up.
    pub lost_bytes: u64,
}
