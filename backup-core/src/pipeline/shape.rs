//! How one memory budget is cut up.

use crate::frames::context_len;

/// Parts per object before an artifact goes on in the next one. S3 allows 10,000.
const MAX_PARTS: usize = 9_000;

const MIB: usize = 1 << 20;
const MIN_FRAME: usize = MIB;
const MIN_PART: usize = 5 * MIB;
const MAX_PART: usize = 64 * MIB;

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
    /// The smallest budget for one stream that is compressed at `level`, in bytes: below it S3's smallest part, or zstd, does not fit.
    #[must_use]
    pub fn min_budget(level: i32) -> usize {
        packing(MIN_FRAME, 1, level) + 2 * MIN_PART
    }

    /// How many of `streams` streams fit into `budget` at once: at least one.
    #[must_use]
    pub fn affordable(budget: usize, streams: usize, level: i32) -> usize {
        streams.min(budget / Self::min_budget(level)).max(1)
    }

    /// Cuts `budget` bytes for `streams` streams that are compressed at `level` on a machine with `threads` threads. A budget below
    /// [`Shape::min_budget`] for each stream is taken as that.
    #[must_use]
    pub fn within(budget: usize, streams: usize, threads: usize, level: i32) -> Self {
        let share = (budget / streams.max(1)).max(Self::min_budget(level));
        // A quarter of the share holds frames before and after compression and zstd itself, half of it parts, one of which is being filled.
        let large = share >= 48 * MIB && packed(2 * MIN_FRAME, level) <= share / 4;
        let frame = if large { 2 * MIN_FRAME } else { MIN_FRAME };
        let workers = (share / 4 / packed(frame, level)).clamp(1, threads.max(1));
        let left = share - packing(frame, workers, level);
        let part = (share / 8).min(left / 2).clamp(MIN_PART, MAX_PART);
        let in_flight = (left.min(share / 2) / part).saturating_sub(1).clamp(1, 8);
        Self {
            frame,
            workers,
            part,
            in_flight,
            max_parts: MAX_PARTS,
        }
    }

    /// Upper bound of the bytes that a stream of this shape, compressed at `level`, holds.
    #[must_use]
    pub fn bound(&self, level: i32) -> usize {
        packing(self.frame, self.workers, level) + self.part * (self.in_flight + 1)
    }
}

/// What one worker holds: a frame before and after, and zstd.
fn packed(frame: usize, level: i32) -> usize {
    2 * frame + context_len(level, frame)
}

/// What everything before the parts holds. Two frames more than there are workers: one being read, one being sealed, which also stands in the part.
fn packing(frame: usize, workers: usize, level: i32) -> usize {
    packed(frame, level) * workers + 2 * (2 * frame) + frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_shape_stays_within_its_budget(budget in 0usize..4096, streams in 1usize..9, threads in 1usize..65, level in 1..=19) {
            let shape = Shape::within(budget * MIB, streams, threads, level);
            let share = (budget * MIB / streams).max(Shape::min_budget(level));
            prop_assert!(shape.bound(level) <= share, "{shape:?} holds {} of {share}", shape.bound(level));
            prop_assert!(shape.part >= MIN_PART && shape.workers >= 1 && shape.in_flight >= 1);
        }

        #[test]
        fn all_streams_together_stay_within_a_budget_that_is_enough_for_one(
            budget in 36usize..4096, streams in 1usize..9, threads in 1usize..65, level in 1..=19,
        ) {
            let streams = Shape::affordable(budget * MIB, streams, level);
            let shape = Shape::within(budget * MIB, streams, threads, level);
            prop_assert!(shape.bound(level) * streams <= budget * MIB);
        }
    }

    #[test]
    fn the_default_budget_takes_four_streams_at_the_default_level() {
        assert_eq!(Shape::affordable(128 * MIB, 4, crate::frames::DEFAULT_LEVEL), 4);
    }
}
