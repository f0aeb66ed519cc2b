//! What Linux shows of a process in `/proc/<id>/stat` (proc(5)).

/// Whether a process runs, and how much it has run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    state: char,
    /// In ticks of the clock, in the process itself and in the system for it.
    cpu: [u64; 2],
}

impl Process {
    /// Reads the line. The name in parentheses may hold anything; nothing after it does. `None` if it is none.
    pub(super) fn parse(stat: &str) -> Option<Self> {
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let mut times = fields.skip(10).map_while(|field| field.parse().ok());
        Some(Self {
            state,
            cpu: [times.next()?, times.next()?],
        })
    }

    /// The process `id` of this machine; `None` if it is gone, or this is no Linux.
    pub(super) fn here(id: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"));
        stat.map_or(None, |stat| Self::parse(&stat))
    }

    /// By a signal, or by somebody who traces it.
    pub(super) fn is_stopped(self) -> bool {
        matches!(self.state, 'T' | 't')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str =
        "4711 (a) R (b) T 1 4711 4711 0 -1 4194368 100 0 0 0 25 7 0 0 20 0 1 0 12345 1000 200 18446744073709551615";

    #[test]
    fn state_and_times_are_read_behind_the_last_parenthesis() {
        let stopped = Process::parse(STAT).unwrap();
        assert!(stopped.is_stopped());
        assert_eq!(stopped.cpu, [25, 7]);
        assert!(!Process::here(std::process::id()).unwrap().is_stopped());
        for broken in [
            "",
            "4711 (a",
            "4711 (a) ",
            "4711 (a) T 1 2",
            "4711 (a) S 1 2 3 4 5 6 7 8 9 10 x 7",
        ] {
            assert_eq!(Process::parse(broken), None, "{broken}");
        }
    }
}
