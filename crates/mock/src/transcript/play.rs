//! A player on a line that a host has open, in a tokio runtime.

use std::{collections::VecDeque, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split},
    time::{Instant, sleep_until},
};

use super::{Mismatch, Player};

/// Plays to the host at the other end of `line` until it has closed that, or has done something else than the transcript
/// says.
///
/// A pseudo-terminal only tells that its host has closed it if it was opened for that
/// ([`Pty::until_host_closes`](crate::Pty::until_host_closes)).
///
/// # Errors
/// What the host did wrong, or left undone.
///
/// # Cancel safety
/// Dropping the future may lose bytes that were on their way; the player stays where it is.
pub async fn play<L>(player: &mut Player, line: &mut L) -> Result<(), Mismatch>
where
    L: AsyncRead + AsyncWrite + Unpin,
{
    let epoch = Instant::now();
    let now = || -> Duration { epoch.elapsed() };
    let (mut from_host, mut to_host) = split(line);
    let mut pieces: VecDeque<Vec<u8>> = VecDeque::new();
    let mut chunk = vec![0_u8; 4096];
    loop {
        player.advance(now());
        pieces.extend(std::iter::from_fn(|| player.poll()));
        if let Some(mismatch) = player.mismatch() {
            return Err(mismatch.clone());
        }
        let deadline = player.deadline(now()).and_then(|at| epoch.checked_add(at));
        let piece = pieces.front().map(Vec::as_slice).unwrap_or_default();
        tokio::select! {
            written = to_host.write(piece), if !piece.is_empty() => match written {
                Ok(count) if count > 0 => {
                    let rest = pieces.pop_front().map(|mut piece| piece.split_off(count));
                    if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
                        pieces.push_front(rest);
                    }
                }
                _ => return player.end(),
            },
            read = from_host.read(&mut chunk) => match read {
                Ok(count) if count > 0 => player.receive(now(), &chunk[..count]),
                _ => return player.end(),
            },
            () = sleep_until(deadline.unwrap_or(epoch)), if deadline.is_some() => {}
        }
    }
}
