//! What a frame wears: headers that stock nodes do not look behind, but the hosts they serve do.
//!
//! Stock nodes judge a frame by its own ethertype and by what stands right behind the IP header and four
//! kinds of extension headers (03, 6.2). Hosts look further: Linux takes what carries a tag of VLAN 0 for
//! untagged, Windows takes LLC with SNAP, and both take an IPv6 packet with a fragment header that is whole.
//! What a network's rules refuse would pass in such a dress, so it is taken off and the frame is judged once
//! more; both judgements must let it pass. So rules that know of tags keep their say about them.
//!
//! The second judgement is careful in two more respects (see [`super::fragments`] and [`super::claims`]): what is
//! hidden in another fragment counts as what the rules refuse, and a neighbour solicitation is authentic
//! only if it says of its sender what is true.

use super::fragments;
use super::frame::{Content, Frame};
use super::ip::{ARP, IPV4, IPV6};

/// Headers around a packet that are looked through. Two tags are the most that equipment puts on; what
/// wears more than this is refused wherever rules look.
const MAX_WRAPS: usize = 4;

/// Ethertypes below count the bytes of an LLC frame.
const FIRST_ETHERTYPE: u16 = 0x0600;
/// LLC addresses and control of SNAP.
const SNAP: [u8; 3] = [0xaa, 0xaa, 0x03];

impl Content<'_> {
    /// What this one is put around: behind a tag, or behind LLC and SNAP with either code that means an
    /// ethertype follows. The length before LLC is not looked at: some hosts do not either.
    fn inner(self) -> Option<Self> {
        let (high, low, payload) = match (self.ethertype, self.payload) {
            (0x8100 | 0x88a8 | 0x9100, [_, _, high, low, rest @ ..]) => (high, low, rest),
            (..FIRST_ETHERTYPE, [a, b, c, 0, 0, 0x00 | 0xf8, high, low, rest @ ..])
                if [*a, *b, *c] == SNAP =>
            {
                (high, low, rest)
            }
            _ => return None,
        };
        Some(Self { ethertype: u16::from_be_bytes([*high, *low]), payload })
    }
}

/// A frame with its headers laid open, from the outermost to what a host takes it for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Undressed<'a> {
    wraps: [Content<'a>; MAX_WRAPS],
    count: usize,
    core: Content<'a>,
}

impl<'a> Undressed<'a> {
    /// `None` if it wears too many.
    pub(super) fn of(frame: &Frame<'a>) -> Option<Self> {
        let core = Content::of(frame);
        let mut this = Self { wraps: [core; MAX_WRAPS], count: 0, core };
        while let Some(inner) = this.core.inner() {
            *this.wraps.get_mut(this.count)? = this.core;
            this.count += 1;
            this.core = inner;
        }
        Some(this)
    }

    pub(super) const fn core(&self) -> Content<'a> {
        self.core
    }

    /// Whether any of it has this ethertype.
    pub(super) fn has(&self, ethertype: u16) -> bool {
        self.behind(ethertype).is_some()
    }

    /// What follows the outermost of this ethertype.
    pub(super) fn behind(&self, ethertype: u16) -> Option<&'a [u8]> {
        let mut all = self.wraps.iter().take(self.count).chain([&self.core]);
        all.find(|content| content.ethertype == ethertype).map(|content| content.payload)
    }
}

/// Whether stock nodes see all of a frame that its receiver's host does: true of almost every frame. It
/// claims nothing to neighbours either.
#[inline]
pub(super) fn is_plain(frame: &Frame<'_>) -> bool {
    match frame.ethertype {
        IPV4 => !fragments::is_cut_short(frame.payload),
        IPV6 => fragments::is_plain_v6(frame.payload),
        ARP | 0x8100 | 0x88a8 | 0x9100 | ..FIRST_ETHERTYPE => false,
        _ => true,
    }
}
