//! The module's store of files: certificates and keys, which outlast a restart.

use std::collections::BTreeMap;

/// How many bytes there is room for, all files together. Made up: the sources give no figure that holds for more than one model.
pub(super) const CAPACITY: usize = 128 * 1024;

/// Files by their names.
#[derive(Debug, Default)]
pub(super) struct Files {
    kept: BTreeMap<String, Vec<u8>>,
}

/// There is no room for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Files {
    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        self.kept.get(name).map(Vec::as_slice)
    }

    /// Names and contents in the order of the names.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.kept.iter().map(|(name, content)| (name.as_str(), content.as_slice()))
    }

    /// Room for so many bytes in a file of that name, which takes the place of one that is there.
    pub(super) fn check(&self, name: &str, size: usize) -> Result<(), Full> {
        let others = self.kept.iter().filter(|(kept, _)| *kept != name).map(|(_, content)| content.len());
        if others.sum::<usize>() + size > CAPACITY { Err(Full) } else { Ok(()) }
    }

    /// Keeps a file, in the place of one of that name.
    pub(super) fn put(&mut self, name: &str, content: Vec<u8>) -> Result<(), Full> {
        self.check(name, content.len())?;
        self.kept.insert(name.to_owned(), content);
        Ok(())
    }

    /// Whether there was such a file.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        self.kept.remove(name).is_some()
    }

    pub(super) fn clear(&mut self) {
        self.kept.clear();
    }
}

/// Quectel's checksum of an upload: the exclusive or of all pairs of bytes, the first of each the high one, an odd last byte with a zero
/// behind it (`UGxx` FILE AT Commands Manual, `AT+QFUPL`, notes).
pub(super) fn checksum(content: &[u8]) -> u16 {
    content.chunks(2).fold(0, |sum, pair| sum ^ u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_hardware() {
        assert_eq!(checksum(b""), 0);
        assert_eq!(checksum(b"\x12\x34\x56"), 0x1234 ^ 0x5600);
        // Upper and lower halves do not mix, and order matters within a pair only.
        assert_eq!(checksum(b"abcd"), checksum(b"cdab"));
        assert_ne!(checksum(b"abcd"), checksum(b"bacd"));
    }

    #[test]
    fn there_is_room_for_so_much() {
        let mut files = Files::default();
        assert_eq!(files.put("a", vec![0; CAPACITY - 1]), Ok(()));
        assert_eq!(files.put("b", vec![0; 2]), Err(Full));
        assert_eq!(files.put("a", vec![0; CAPACITY]), Ok(()));
        assert!(files.remove("a") && !files.remove("a"));
        assert_eq!(files.put("b", vec![0; 2]), Ok(()));
    }
}
