//! What `mock` takes.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct Mock {
    /// Make a symbolic link to the pseudo-terminal, and remove it at the end
    #[arg(long, value_name = "PATH")]
    pub(crate) link: Option<PathBuf>,
    /// Listen on TCP instead, as a raw serial server does: 127.0.0.1:4000, for instance; port 0 takes a free one
    #[arg(long, value_name = "ADDR", conflicts_with = "link")]
    pub(crate) listen: Option<SocketAddr>,
    /// Run that many modems with one broker, each with numbers of its own
    #[arg(long, value_name = "N", requires = "link_dir", conflicts_with_all = ["link", "listen"],
          value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) count: Option<u16>,
    /// Where the links to them are made: DIR/modem-000, DIR/modem-001 and so on
    #[arg(long, value_name = "DIR", requires = "count")]
    pub(crate) link_dir: Option<PathBuf>,
    /// What goes wrong, such as reset@5s,urc~0.01; `help` lists all faults
    #[arg(long, value_name = "SPEC")]
    pub(crate) faults: Option<String>,
    /// Decides what the faults leave to chance [default: any, and said on stderr]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Settings and faults from a TOML file; what is typed beside it goes before it
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) tls: MockTls,
    /// With --cloud aliyun and --product-secret: whether the product has dynamic registration switched on
    #[arg(long, value_enum, value_name = "on|off", default_value_t = Switch::On, hide_possible_values = true)]
    pub(crate) registration: Switch,
}

/// A switch in a cloud's console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    On,
    Off,
}

/// The TLS port of an embedded broker.
#[derive(Debug, Args)]
pub(crate) struct MockTls {
    /// Give the embedded broker a TLS port too, with a certificate made now for localhost and 127.0.0.1
    #[arg(long, conflicts_with_all = ["tls_cert", "tls_key"])]
    pub(crate) tls: bool,
    /// Write the certificate of the authority that has signed it, in PEM
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub(crate) tls_ca_out: Option<PathBuf>,
    /// Give the embedded broker a TLS port with this certificate, and what leads to its authority, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Its key, in PEM, without a password
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
}
