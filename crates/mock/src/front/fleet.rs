//! Many modems in one process, with one network and one broker behind them.

use std::{fs, io, path::Path};

use tokio::runtime::Handle;

use super::{Builder, Mock, Network, descriptors};
use crate::{broker, line::Pty, modem::Identity};

/// Modems that share a broker. Dropping it stops all of them; [`shutdown`](Self::shutdown) also waits for that.
#[derive(Debug)]
pub struct Fleet {
    mocks: Vec<Mock>,
    broker_url: Option<String>,
    broker_tls_url: Option<String>,
    server: Option<broker::Server>,
}

impl Builder {
    /// Starts so many modems, each on a pseudo-terminal of its own that is linked as `modem-000`, `modem-001` and so on in `directory`,
    /// which is made where it is not there. They share one broker. The first has the identity of
    /// [`modem`](Builder::modem), the others have [numbers](Identity::numbered) of their own; each draws its faults by the seed and its
    /// number. A [`link`](Builder::link) is not made.
    ///
    /// The limit of open files of this process is raised if it is too low.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start); and [`io::ErrorKind::Other`] where the process may not have as many open files as it takes, four for
    /// each modem.
    pub fn start_many(self, count: usize, directory: &Path) -> io::Result<Fleet> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        descriptors::reserve(count)?;
        fs::create_dir_all(directory)
            .map_err(|fault| io::Error::new(fault.kind(), format!("{}: {fault}", directory.display())))?;
        let digits = count.saturating_sub(1).to_string().len().max(3);
        let Builder { modem: options, setup, broker, broker_options, resolve, .. } = self;
        let network = Network::start(&broker, broker_options, resolve)?;
        let mut mocks = Vec::with_capacity(count);
        for number in 0..count {
            let mut options = options.clone();
            if number > 0 {
                let model = options.identity.model.take();
                options.identity = Identity { model, ..Identity::numbered(number) };
            }
            let link = directory.join(format!("modem-{number:0digits$}"));
            let pty = Pty::open(Some(&link), setup.baud)
                .map_err(|fault| io::Error::new(fault.kind(), format!("{}: {fault}", link.display())))?;
            let place = pty.path().to_owned();
            mocks.push(setup.start(options, number as u64, pty, place, &network, &runtime));
        }
        let Network { server, broker_url, broker_tls_url, .. } = network;
        Ok(Fleet { mocks, broker_url, broker_tls_url, server })
    }
}

impl Fleet {
    /// The modems, in the order of their numbers. They have no broker of their own: [`Mock::broker`] gives `None`.
    #[must_use]
    pub fn mocks(&self) -> &[Mock] {
        &self.mocks
    }

    /// The broker's address, `mqtt://host:port`; `None` where there is no broker.
    #[must_use]
    pub fn broker_url(&self) -> Option<&str> {
        self.broker_url.as_deref()
    }

    /// The TLS address of the embedded broker, as [`Mock::broker_tls_url`].
    #[must_use]
    pub fn broker_tls_url(&self) -> Option<&str> {
        self.broker_tls_url.as_deref()
    }

    /// The embedded broker, to look into and to interfere with.
    #[must_use]
    pub fn broker(&self) -> Option<broker::Handle> {
        self.server.as_ref().map(broker::Server::handle)
    }

    /// Stops the modems and their broker, and returns when all are gone.
    pub async fn shutdown(self) {
        for mock in self.mocks {
            mock.shutdown().await;
        }
        if let Some(server) = self.server {
            server.shutdown().await;
        }
    }
}
