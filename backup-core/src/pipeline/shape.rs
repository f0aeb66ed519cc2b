//! How one memory budget is cut up.

/// Parts per object before an artifact goes on in the next one. S3 allows 10,000.
const MAX_PARTS: usize = 9_000;

const MIB: usize = 1 << 20;
/// What zstd holds for one frame at level 3; higher levels take more.
const CONTEXT: usize = 4 * MIB;
const MIN_PART: usize = 5 * MIB;

/// Sizes and counts of everything that one stream holds in memory. All of it follows from the budget; nothing depends on the size of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Bytes of content in one zstd frame.
    pub frame: usize,
    /// Frames being compressed at once.
    pub workers: usize,
    /// Bytes in one part of a multipart upload.
    pub part: usize,
    /// Parts being sent at once.
    pub in_flight: usize,
    /// Parts after which the artifact rolls over to its next object.
    pub max_parts: usize,
}

impl Shape {
    /// The smallest budget for one stream, in bytes: below it S3's smallest part does not fit.
    pub const MIN_BUDGET: usize = 24 * MIB;

    /// Cuts `budget` bytes for each of `streams` streams on a machine with `threads` threads. A budget below [`Shape::MIN_BUDGET`] for each
    /// stream is taken as that.
    #[must_use]
    pub fn within(budget: usize, streams: usize, threads: usize) -> Self {
        let share = (budget / streams.max(1)).max(Self::MIN_BUDGET);
        let frame = if share >= 48 * MIB { 2 * MIB } else { MIB };
        let part = (share / 8).clamp(MIN_PART, 64 * MIB);
        // Half of the share holds parts (one of them is being filled), a quarter holds frames before and after compression.
        let in_flight = (share / 2 / part).saturating_sub(1).clamp(1, 8);
        let workers = (share / 4 / (2 * frame + CONTEXT)).clamp(1, threads.max(1));
        Self {
            frame,
            workers,
            part,
            in_flight,
            max_parts: MAX_PARTS,
        }
    }

    /// Upper bound of the bytes that a stream of this shape holds in buffers.
    #[must_use]
    pub fn bound(&self) -> usize {
        // Two frames more than there are workers: one being read, one being sealed.
        (2 * self.frame) * (self.workers + 2) + CONTEXT * self.workers + self.part * (self.in_flight + 1) + self.frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_shape_stays_within_its_budget(budget in 0usize..4096, streams in 1usize..9, threads in 1usize..65) {
            let shape = Shape::within(budget * MIB, streams, threads);
            let share = (budget * MIB / streams).max(Shape::MIN_BUDGET);
            prop_assert!(shape.bound() <= share, "{shape:?} holds {} of {share}", shape.bound());
            prop_assert!(shape.part >= MIN_PART && shape.workers >= 1 && shape.in_flight >= 1);
        }
    }
}
