//! Where a network's rules decide about each frame (03, 6.7).

use std::cell::RefCell;

use super::counters::DropReason;
use super::refused::Tally;
use crate::ethernet::Header;
use crate::rules::{self, Context, Copy, Filtered, Recent, RuleTable};

/// The base rules of a network, compiled.
pub(super) enum Filter {
    /// Most networks: nothing to look at.
    AcceptAll,
    Table {
        table: RuleTable,
        /// In a cell because judging a frame changes nothing that anybody can see.
        recent: RefCell<Recent>,
        tally: Tally,
    },
    /// A table that cannot be read refuses everything.
    Malformed,
}

/// A frame that the rules let go on.
pub(super) struct Passage {
    /// Without the usual checks of its addresses.
    pub(super) unchecked: bool,
    /// Another node gets it instead.
    pub(super) redirect: Option<u64>,
    /// Copies for observers, in order.
    pub(super) copies: [Option<Copy>; 2],
}

impl Passage {
    const PLAIN: Self = Self { unchecked: false, redirect: None, copies: [None; 2] };

    /// As in a second pass, whose copies were sent in the first.
    pub(super) fn without_copies(self) -> Self {
        Self { copies: [None; 2], ..self }
    }
}

/// A frame on its way, and the nodes at its ends; destination 0: not chosen yet.
pub(super) struct Candidate<'a> {
    pub(super) inbound: bool,
    pub(super) own: u64,
    pub(super) source: u64,
    pub(super) destination: u64,
    pub(super) header: Header,
    pub(super) payload: &'a [u8],
    /// It was refused before, and that was counted.
    pub(super) again: bool,
}

impl Filter {
    pub(super) fn compile(rules: &[u8]) -> Self {
        match RuleTable::parse(rules) {
            Ok(table) if table.accepts_all() => Self::AcceptAll,
            Ok(table) => {
                let tally = Tally::new(table.len());
                Self::Table { table, recent: RefCell::default(), tally }
            }
            Err(rules::Malformed) => Self::Malformed,
        }
    }

    /// Go on counting where the same rules left off.
    pub(super) fn resume(&mut self, before: Self) {
        if let (Self::Table { tally, .. }, Self::Table { tally: counted, .. }) = (self, before) {
            *tally = counted;
        }
    }

    /// What its rules refused.
    pub(super) const fn tally(&self) -> Option<&Tally> {
        match self {
            Self::Table { tally, .. } => Some(tally),
            Self::AcceptAll | Self::Malformed => None,
        }
    }

    /// The credentials of a member are not what they were.
    pub(super) fn forget_decisions(&mut self) {
        if let Self::Table { recent, .. } = self {
            recent.get_mut().clear();
        }
    }

    /// Judge a frame by the base rules, and where these say nothing by these capabilities, its sender's.
    pub(super) fn judge(
        &self,
        frame: &Candidate<'_>,
        context: &Context<'_>,
        capabilities: &[RuleTable],
        random: impl FnMut() -> u32,
    ) -> Result<Passage, DropReason> {
        let (table, recent, tally) = match self {
            Self::AcceptAll => return Ok(Passage::PLAIN),
            Self::Malformed => return Err(DropReason::RulesMalformed),
            Self::Table { table, recent, tally } => (table, recent, tally),
        };
        match recent.borrow_mut().filter(table, capabilities, &frame.rule_frame(), context, random)
        {
            Filtered::Dropped(by) => {
                if !frame.again {
                    tally.count(by, frame.inbound);
                }
                Err(DropReason::Rules)
            }
            Filtered::Accepted { unchecked, redirect, copies } => {
                Ok(Passage { unchecked, redirect, copies })
            }
        }
    }
}

impl<'a> Candidate<'a> {
    const fn rule_frame(&self) -> rules::Frame<'a> {
        rules::Frame {
            inbound: self.inbound,
            own: self.own,
            source: self.source,
            destination: self.destination,
            source_mac: self.header.source,
            destination_mac: self.header.destination,
            ethertype: self.header.ethertype,
            // TAPs report no VLAN: a tagged frame is one of ethertype 0x8100.
            vlan: 0,
            payload: self.payload,
        }
    }
}
