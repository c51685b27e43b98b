//! Rule tables in their wire form (03, 6.1).
//!
//! ```text
//! 0              1        2
//! | N O | type 6 | length | value ... |   next entry at 2 + length
//! ```
//!
//! N (0x80) negates a match, O (0x40) joins it to those before by OR instead of AND.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

/// A table ends in the middle of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// A table of rules, ready to be evaluated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleTable {
    pub(super) rules: Box<[Rule]>,
}

impl RuleTable {
    /// Read a whole table. Values are read at fixed offsets; the length byte says where the next entry
    /// begins, so that longer values of later versions pass. Unknown types are kept.
    pub fn parse(table: &[u8]) -> Result<Self, Malformed> {
        let mut rules = Vec::with_capacity(table.len() / 2);
        let mut rest = table;
        while let [kind, length, value @ ..] = rest {
            rules.push(Rule::parse(*kind, value).ok_or(Malformed)?);
            rest = value.get(usize::from(*length)..).unwrap_or_default();
        }
        if rest.is_empty() { Ok(Self { rules: rules.into() }) } else { Err(Malformed) }
    }

    /// Whether it accepts every frame without looking at it.
    pub fn accepts_all(&self) -> bool {
        matches!(self.rules.first(), Some(Rule::Action(Action::Accept)))
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Action(Action),
    Match { not: bool, or: bool, test: Test },
}

/// What ends a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Drop,
    Accept,
    /// TEE, or WATCH where an acknowledgement is wanted.
    Copy {
        to: u64,
        length: usize,
        watch: bool,
    },
    Redirect {
        to: u64,
    },
    Break,
    Priority,
    Unknown,
}

/// Which of the two ends of a frame a match looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Source,
    Destination,
}

/// How two tags are compared with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TagTest {
    Difference,
    And,
    Or,
    Xor,
    Equal,
}

/// What a match compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Address(End, u64),
    Vlan(u16),
    /// PCP and DEI: tags are not parsed, so these are always 0.
    VlanBits(u8),
    Mac(End, u64),
    Ipv4 {
        end: End,
        ip: Ipv4Addr,
        bits: u8,
    },
    Ipv6 {
        end: End,
        ip: Ipv6Addr,
        bits: u8,
    },
    Tos {
        mask: u8,
        range: RangeInclusive<u8>,
    },
    Protocol(u8),
    Ethertype(u16),
    Icmp {
        kind: u8,
        code: Option<u8>,
    },
    Port(End, RangeInclusive<u16>),
    Characteristics(u64),
    Size(RangeInclusive<u16>),
    Random(u32),
    Tags {
        test: TagTest,
        id: u32,
        value: u32,
    },
    /// The tag of the sender or of the receiver alone.
    Tag {
        end: End,
        id: u32,
        value: u32,
    },
    Integer {
        range: RangeInclusive<u64>,
        index: usize,
        bits: u32,
        little_endian: bool,
    },
    Unknown,
}

/// The low 40 bits, where an address stands in a u64.
const ADDRESS_MASK: u64 = 0xff_ffff_ffff;

impl Rule {
    fn parse(kind: u8, value: &[u8]) -> Option<Self> {
        let (not, or, kind) = (kind & 0x80 != 0, kind & 0x40 != 0, kind & 0x3f);
        match kind {
            0..=15 => Action::parse(kind, value).map(Self::Action),
            _ => Test::parse(kind, value).map(|test| Self::Match { not, or, test }),
        }
    }
}

impl Action {
    fn parse(kind: u8, value: &[u8]) -> Option<Self> {
        Some(match kind {
            0 => Self::Drop,
            1 => Self::Accept,
            2..=4 => {
                let to = u64::from_be_bytes(*value.first_chunk()?) & ADDRESS_MASK;
                // Four bytes of flags stand before it, always 0.
                let length = usize::from(u16::from_be_bytes(at(value, 12)?));
                if kind == 4 {
                    Self::Redirect { to }
                } else {
                    Self::Copy { to, length, watch: kind == 3 }
                }
            }
            5 => Self::Break,
            6 => Self::Priority,
            _ => Self::Unknown,
        })
    }

    /// The node that TEE, WATCH and REDIRECT name.
    pub(super) const fn recipient(self) -> Option<u64> {
        match self {
            Self::Copy { to, .. } | Self::Redirect { to } => Some(to),
            _ => None,
        }
    }
}

impl Test {
    fn parse(kind: u8, value: &[u8]) -> Option<Self> {
        Some(match kind {
            24 | 25 => Self::Address(end_of(kind, 24), big(at::<5>(value, 0)?)),
            26 => Self::Vlan(u16::from_be_bytes(at(value, 0)?)),
            27 | 28 => Self::VlanBits(*value.first()?),
            29 | 30 => Self::Mac(end_of(kind, 29), big(at::<6>(value, 0)?)),
            31 | 32 => {
                let ip = Ipv4Addr::from(at::<4>(value, 0)?);
                Self::Ipv4 { end: end_of(kind, 31), ip, bits: *value.get(4)? }
            }
            33 | 34 => {
                let ip = Ipv6Addr::from(at::<16>(value, 0)?);
                Self::Ipv6 { end: end_of(kind, 33), ip, bits: *value.get(16)? }
            }
            35 => {
                let [mask, low, high] = at(value, 0)?;
                Self::Tos { mask, range: low..=high }
            }
            36 => Self::Protocol(*value.first()?),
            37 => Self::Ethertype(u16::from_be_bytes(at(value, 0)?)),
            38 => {
                let [kind, code, flags] = at(value, 0)?;
                Self::Icmp { kind, code: (flags & 0x01 != 0).then_some(code) }
            }
            39 | 40 => Self::Port(end_of(kind, 39), range_u16(value)?),
            41 => Self::Characteristics(u64::from_be_bytes(at(value, 0)?)),
            42 => Self::Size(range_u16(value)?),
            43 => Self::Random(u32::from_be_bytes(at(value, 0)?)),
            44..=50 => Self::parse_tag(kind, value)?,
            51 => Self::parse_integer(value)?,
            _ => Self::Unknown,
        })
    }

    fn parse_tag(kind: u8, value: &[u8]) -> Option<Self> {
        let (id, value) = (u32::from_be_bytes(at(value, 0)?), u32::from_be_bytes(at(value, 4)?));
        let test = match kind {
            44 => TagTest::Difference,
            45 => TagTest::And,
            46 => TagTest::Or,
            47 => TagTest::Xor,
            48 => TagTest::Equal,
            _ => return Some(Self::Tag { end: end_of(kind, 49), id, value }),
        };
        Some(Self::Tags { test, id, value })
    }

    /// The end is kept as a 32-bit distance from the start (03, 6.1), so a wrapped range is empty.
    fn parse_integer(value: &[u8]) -> Option<Self> {
        let (start, end) = (u64::from_be_bytes(at(value, 0)?), u64::from_be_bytes(at(value, 8)?));
        let index = usize::from(u16::from_be_bytes(at(value, 16)?));
        let format = *value.get(18)?;
        let span = end.wrapping_sub(start) & 0xffff_ffff;
        Some(Self::Integer {
            range: start..=start.wrapping_add(span),
            index,
            bits: u32::from(format & 0x3f) + 1,
            little_endian: format & 0x80 != 0,
        })
    }
}

fn end_of(kind: u8, source: u8) -> End {
    if kind == source { End::Source } else { End::Destination }
}

fn range_u16(value: &[u8]) -> Option<RangeInclusive<u16>> {
    Some(u16::from_be_bytes(at(value, 0)?)..=u16::from_be_bytes(at(value, 2)?))
}

/// The `N` bytes at an offset.
pub(super) fn at<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

/// A big-endian integer of up to 8 bytes.
pub(super) fn big<const N: usize>(bytes: [u8; N]) -> u64 {
    bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}
