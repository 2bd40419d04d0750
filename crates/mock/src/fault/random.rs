//! Chance, as a seed decides it.

use super::Rate;

/// `SplitMix64`: small, and the same on every machine and in every version, so that a seed stays what it is.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// Chance of its own for one purpose, so that what one fault draws does not change what another gets.
    pub(crate) fn fork(seed: u64, purpose: u64) -> Self {
        let mut random = Self(seed ^ purpose.wrapping_add(1).wrapping_mul(0xD605_1D2B_9F4A_5C3D));
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// 0 to `limit` − 1; 0 where that is nothing. The tiny bias of a remainder matters to no fault.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// Whether something happens that happens at that rate.
    pub(crate) fn chance(&mut self, rate: Rate) -> bool {
        self.below(Rate::ONE.millionths().into()) < rate.millionths().into()
    }

    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap_or(0)]
    }

    /// Any byte.
    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }
}
