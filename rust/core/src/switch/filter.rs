//! Where a network's rules decide about each frame (03, 6).

use super::counters::Counter;
use crate::ethernet::Header;

/// A rule table of one unconditional ACCEPT (03, 6.1).
const ACCEPT_ALL: [u8; 2] = [0x01, 0x00];

/// A frame as the rules see it.
#[expect(dead_code, reason = "until tables are evaluated")]
pub(super) struct Candidate<'a> {
    /// The node that sends it.
    pub(super) source: u64,
    /// The node that gets it; 0 while it is not chosen yet.
    pub(super) destination: u64,
    pub(super) header: Header,
    pub(super) payload: &'a [u8],
}

/// What the rules say of a frame that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Not delivered, and counted so.
    Drop(Counter),
    /// Delivered if the addresses are right.
    Accept,
}

/// The rules of a network, compiled.
pub(super) enum Filter {
    AcceptAll,
    DropAll,
    /// Tables that cannot be evaluated refuse everything.
    Unsupported,
}

impl Filter {
    pub(super) fn compile(rules: &[u8]) -> Self {
        match rules {
            [] => Self::DropAll,
            rules if rules == ACCEPT_ALL => Self::AcceptAll,
            _ => Self::Unsupported,
        }
    }

    /// Whether a frame of ours may leave.
    pub(super) fn outbound(&self, _frame: &Candidate<'_>) -> Verdict {
        self.verdict()
    }

    /// Whether a frame of a peer may reach the TAP.
    pub(super) fn inbound(&self, _frame: &Candidate<'_>) -> Verdict {
        self.verdict()
    }

    const fn verdict(&self) -> Verdict {
        match self {
            Self::AcceptAll => Verdict::Accept,
            Self::DropAll => Verdict::Drop(Counter::DropRules),
            Self::Unsupported => Verdict::Drop(Counter::DropRulesUnsupported),
        }
    }
}
