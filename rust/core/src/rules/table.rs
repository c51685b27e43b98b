//! Rule tables in their wire form (03, 6.1).
//!
//! ```text
//! 0              1        2
//! | N O | type 6 | length | value ... |   next entry at 2 + length
//! ```
//!
//! N (0x80) negates a match, O (0x40) joins it to those before by OR instead of AND.
//!
//! Parsing also prepares what each frame would else repeat: masks for prefixes, and where a set goes on
//! once it cannot hold any more.

/// A table ends in the middle of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// A table of rules, ready to be evaluated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleTable {
    pub(super) rules: Box<[Rule]>,
    steady: bool,
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
        if !rest.is_empty() {
            return Err(Malformed);
        }
        find_cuts(&mut rules);
        name_ethertypes(&mut rules);
        let steady = rules.iter().all(Rule::is_steady);
        Ok(Self { rules: rules.into(), steady })
    }

    /// Whether it decides about all frames of a TCP or UDP flow alike, as [`super::recent`] has it.
    pub(super) const fn is_steady(&self) -> bool {
        self.steady
    }

    /// Its entries.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
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
    Match {
        not: bool,
        or: bool,
        /// Where to go on if the set does not hold after this match: at the next match that may save it,
        /// else at its action, or right after one that means nothing to a set that fails.
        cut: Cut,
        /// The set ends with DROP or BREAK.
        refuses: bool,
        test: Test,
    },
}

impl Rule {
    /// Chance, lengths and contents differ from frame to frame, and so do copies.
    const fn is_steady(&self) -> bool {
        !matches!(
            self,
            Self::Action(Action::Copy { .. })
                | Self::Match { test: Test::Random(_) | Test::Size(_) | Test::Integer(_), .. }
        )
    }
}

/// Where an evaluation goes on after a match that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) to: u32,
    /// With a new set.
    pub(super) fresh: bool,
}

/// Find all cuts: what they leave out changes nothing (03, 6.3).
fn find_cuts(rules: &mut [Rule]) {
    let mut next = Cut { to: rules.len() as u32, fresh: false };
    let mut ends_set = Action::Unknown;
    for (at, rule) in rules.iter_mut().enumerate().rev() {
        let here = Cut { to: at as u32, fresh: false };
        match rule {
            Rule::Action(action) => {
                ends_set = *action;
                let is_needed = action.recipient().is_some();
                next = if is_needed { here } else { Cut { to: here.to + 1, fresh: true } };
            }
            Rule::Match { or, cut, refuses, .. } => {
                *cut = next;
                *refuses = matches!(ends_set, Action::Drop | Action::Break);
                if *or {
                    next = here;
                }
            }
        }
    }
}

/// Tell integers of the ethertype that stands before them in their set.
fn name_ethertypes(rules: &mut [Rule]) {
    let mut named = None;
    for rule in rules {
        match rule {
            Rule::Action(_) => named = None,
            Rule::Match { test: Test::Ethertype(ethertype), not: false, .. } => {
                named = Some(*ethertype);
            }
            Rule::Match { test: Test::Integer(integer), .. } => integer.behind = named,
            Rule::Match { .. } => {}
        }
    }
}

/// What ends a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Drop,
    Accept,
    /// TEE, or WATCH where an acknowledgement is wanted.
    Copy {
        to: u64,
        length: u16,
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

/// Both bounds are in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range<T>(pub(super) T, pub(super) T);

impl<T: Copy + PartialOrd> Range<T> {
    pub(super) fn contains(&self, value: T) -> bool {
        self.0 <= value && value <= self.1
    }
}

/// What a match compares. What takes much room is boxed, so that a table stays short in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Address(End, u64),
    Vlan(u16),
    /// PCP and DEI: tags are not parsed, so these are always 0.
    VlanBits(u8),
    Mac(End, u64),
    /// Host bits of the rule do not count.
    Ipv4 {
        end: End,
        ip: u32,
        mask: u32,
    },
    Ipv6(End, Box<Ipv6Prefix>),
    Tos {
        mask: u8,
        range: Range<u8>,
    },
    Protocol(u8),
    Ethertype(u16),
    Icmp {
        kind: u8,
        code: Option<u8>,
    },
    Port(End, Range<u16>),
    Characteristics(u64),
    Size(Range<u16>),
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
    Integer(Box<Integer>),
    Unknown,
}

/// The rule's IP counts with its host bits, unlike IPv4: with any set it never matches (03, 6.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ipv6Prefix {
    pub(super) ip: u128,
    pub(super) mask: u128,
}

/// An integer somewhere in the payload (03, 6.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Integer {
    pub(super) range: Range<u64>,
    pub(super) index: usize,
    pub(super) bits: u32,
    pub(super) little_endian: bool,
    /// The ethertype that its set names before it.
    pub(super) behind: Option<u16>,
}

/// The low 40 bits, where an address stands in a u64.
const ADDRESS_MASK: u64 = 0xff_ffff_ffff;

impl Rule {
    fn parse(kind: u8, value: &[u8]) -> Option<Self> {
        let (not, or, kind) = (kind & 0x80 != 0, kind & 0x40 != 0, kind & 0x3f);
        match kind {
            0..=15 => Action::parse(kind, value).map(Self::Action),
            _ => Test::parse(kind, value).map(|test| Self::Match {
                not,
                or,
                cut: Cut::default(),
                refuses: false,
                test,
            }),
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
                let length = u16::from_be_bytes(at(value, 12)?);
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
                let bits = u32::from(*value.get(4)?).min(32);
                let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
                let ip = u32::from_be_bytes(at(value, 0)?) & mask;
                Self::Ipv4 { end: end_of(kind, 31), ip, mask }
            }
            33 | 34 => {
                let bits = u32::from(*value.get(16)?).min(128);
                let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
                let ip = u128::from_be_bytes(at(value, 0)?);
                Self::Ipv6(end_of(kind, 33), Box::new(Ipv6Prefix { ip, mask }))
            }
            35 => {
                let [mask, low, high] = at(value, 0)?;
                Self::Tos { mask, range: Range(low, high) }
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
        Some(Self::Integer(Box::new(Integer {
            range: Range(start, start.wrapping_add(span)),
            index,
            bits: u32::from(format & 0x3f) + 1,
            little_endian: format & 0x80 != 0,
            behind: None,
        })))
    }
}

fn end_of(kind: u8, source: u8) -> End {
    if kind == source { End::Source } else { End::Destination }
}

fn range_u16(value: &[u8]) -> Option<Range<u16>> {
    Some(Range(u16::from_be_bytes(at(value, 0)?), u16::from_be_bytes(at(value, 2)?)))
}

/// The `N` bytes at an offset.
pub(super) fn at<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

/// A big-endian integer of up to 8 bytes.
pub(super) fn big<const N: usize>(bytes: [u8; N]) -> u64 {
    bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}
