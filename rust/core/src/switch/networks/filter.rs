//! Where a network's rules decide about each frame (03, 6.7).

use std::cell::RefCell;

use crate::ethernet::Header;
use crate::rules::{self, Context, Copy, Filtered, Recent, RuleTable};
use crate::switch::ground::counters::DropReason;
use crate::switch::networks::refused::Tally;

/// The base rules of a network, compiled.
pub(in crate::switch) enum Filter {
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
pub(in crate::switch) struct Passage {
    /// Without the usual checks of its addresses.
    pub(in crate::switch) unchecked: bool,
    /// Another node gets it instead.
    pub(in crate::switch) redirect: Option<u64>,
    /// Copies for observers, in order.
    pub(in crate::switch) copies: [Option<Copy>; 2],
}

impl Passage {
    const PLAIN: Self = Self { unchecked: false, redirect: None, copies: [None; 2] };

    /// As in a second pass, whose copies were sent in the first.
    pub(in crate::switch) fn without_copies(self) -> Self {
        Self { copies: [None; 2], ..self }
    }
}

/// A frame on its way, and the nodes at its ends; destination 0: not chosen yet.
pub(in crate::switch) struct Candidate<'a> {
    pub(in crate::switch) inbound: bool,
    pub(in crate::switch) own: u64,
    pub(in crate::switch) source: u64,
    pub(in crate::switch) destination: u64,
    pub(in crate::switch) header: Header,
    pub(in crate::switch) payload: &'a [u8],
    /// It was refused before, and that was counted.
    pub(in crate::switch) again: bool,
}

impl Filter {
    pub(in crate::switch) fn compile(rules: &[u8]) -> Self {
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
    pub(in crate::switch) fn resume(&mut self, before: Self) {
        if let (Self::Table { tally, .. }, Self::Table { tally: counted, .. }) = (self, before) {
            *tally = counted;
        }
    }

    /// What its rules refused.
    pub(in crate::switch) const fn tally(&self) -> Option<&Tally> {
        match self {
            Self::Table { tally, .. } => Some(tally),
            Self::AcceptAll | Self::Malformed => None,
        }
    }

    /// The credentials of a member are not what they were.
    pub(in crate::switch) fn forget_decisions(&mut self) {
        if let Self::Table { recent, .. } = self {
            recent.get_mut().clear();
        }
    }

    /// Judge a frame by the base rules, and where these say nothing by these capabilities, its sender's.
    pub(in crate::switch) fn judge(
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
