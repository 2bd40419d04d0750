//! Certificates and keys that a module keeps for its TLS connections, and what can be done with them.

use std::fmt;

use atmqtt_at::Text;
use zeroize::Zeroizing;

/// Why something is no certificate and no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCertificate {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It begins neither like PEM nor like DER.
    #[error("it is neither PEM, which begins with -----BEGIN, nor DER")]
    Unknown,
    /// A PEM block begins, and does not end: the file was cut off.
    #[error("its last PEM block has no end: it was cut off")]
    CutOff,
}

/// A certificate or a private key, as it goes to a module: PEM or DER. Debug shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    name: Text,
    content: Zeroizing<Vec<u8>>,
}

impl Certificate {
    /// Takes the content of a file, under the name that the module shall keep it by.
    ///
    /// That it begins and ends as one is all that is looked at: a module keeps what it is given, and fails when it signs in.
    ///
    /// # Errors
    /// It is empty, cut off, or something else.
    pub fn new(name: Text, content: Vec<u8>) -> Result<Certificate, InvalidCertificate> {
        let content = Zeroizing::new(content);
        let text = content.trim_ascii();
        let is_pem = text.starts_with(b"-----BEGIN ");
        // A SEQUENCE whose length takes one to three bytes.
        let is_der = matches!(**content, [0x30, 0x81..=0x83, ..]);
        match () {
            () if text.is_empty() => Err(InvalidCertificate::Empty),
            () if is_pem && !ends_its_blocks(text) => Err(InvalidCertificate::CutOff),
            () if is_pem || is_der => Ok(Certificate { name, content }),
            () => Err(InvalidCertificate::Unknown),
        }
    }

    /// The name that the module keeps it by.
    #[must_use]
    pub fn name(&self) -> &Text {
        &self.name
    }

    /// PEM or DER.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.content
    }
}

/// Whether as many PEM blocks end as begin, and the last ends last.
fn ends_its_blocks(text: &[u8]) -> bool {
    let count = |mark: &[u8]| memchr::memmem::find_iter(text, mark).count();
    count(b"-----BEGIN ") == count(b"-----END ") && text.ends_with(b"-----")
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("name", &self.name).field("bytes", &self.content.len()).finish()
    }
}

/// A certificate or key that a module has.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredCertificate {
    /// By what name.
    pub name: String,
    /// How many bytes it has, where the module tells.
    pub bytes: Option<usize>,
}

impl StoredCertificate {
    pub(crate) fn new(name: &str, bytes: Option<usize>) -> StoredCertificate {
        StoredCertificate { name: name.to_owned(), bytes }
    }
}

/// How an upload was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UploadProof {
    /// The module told length and checksum of what it has, and both are right.
    Checksum,
    /// The module told the length of what it has.
    Length,
    /// The module has something of that name: it tells no more.
    Listed,
}

/// What can be done with the certificates of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateRequest {
    /// Name them.
    List,
    /// Give it one more.
    Upload {
        /// What.
        certificate: Certificate,
        /// Instead of what has the name already. The old one is gone before the new one is there.
        replace: bool,
    },
    /// Forget one.
    Delete(Text),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateOutcome {
    /// What there is.
    Listed(Vec<StoredCertificate>),
    /// It has one more.
    Uploaded(UploadProof),
    /// It has one less.
    Deleted,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_says_why() {
        let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let two = pem.repeat(2);
        for (content, expected) in [
            (pem.as_bytes(), Ok(())),
            (two.as_bytes(), Ok(())),
            (b"\n-----BEGIN EC PRIVATE KEY-----\r\nAAAA\r\n-----END EC PRIVATE KEY-----", Ok(())),
            (b"\x30\x82\x04\x10rest", Ok(())),
            (b"", Err(InvalidCertificate::Empty)),
            (b" \r\n", Err(InvalidCertificate::Empty)),
            (b"hello", Err(InvalidCertificate::Unknown)),
            (b"PK\x03\x04", Err(InvalidCertificate::Unknown)),
            (b"-----BEGIN CERTIFICATE-----\nAAAA\n", Err(InvalidCertificate::CutOff)),
            (&two.as_bytes()[..two.len() - 30], Err(InvalidCertificate::CutOff)),
        ] {
            let taken = Certificate::new(Text::new("ca.pem").unwrap(), content.to_vec()).map(drop);
            assert_eq!(taken, expected, "{}", String::from_utf8_lossy(content));
        }
    }

    #[test]
    fn nobody_sees_a_key() {
        let key = b"-----BEGIN PRIVATE KEY-----\nc4n4ry\n-----END PRIVATE KEY-----\n";
        let certificate = Certificate::new(Text::new("key.pem").unwrap(), key.to_vec()).unwrap();
        assert_eq!(format!("{certificate:?}"), "Certificate { name: Text(\"key.pem\"), bytes: 61 }");
    }
}
