//! What each match compares (03, 6.4-6.6).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::ip::{Ip, Sender, Transport};
use super::table::{End, TagTest, Test, big};
use super::{Context, Frame};

/// The MAC of all stations.
const BROADCAST: u64 = 0xffff_ffff_ffff;

/// What a match says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It holds, or not.
    Plain(bool),
    /// It can say nothing: taken as it is, whatever NOT says.
    Forced(bool),
    /// True because the other side will know better, and the next DROP is skipped once (03, 6.5).
    Lenient,
}

/// How a true or false answer is plain, and no answer is forced false.
fn or_forced(answer: Option<bool>) -> Outcome {
    answer.map_or(Outcome::Forced(false), Outcome::Plain)
}

/// A frame and what it is judged by.
pub(super) struct Subject<'a> {
    pub(super) frame: &'a Frame<'a>,
    pub(super) context: &'a Context<'a>,
    /// A set that failed would have sent the frame to us.
    pub(super) super_accept: bool,
}

impl Subject<'_> {
    pub(super) fn test(&self, test: &Test, random: &mut impl FnMut() -> u32) -> Outcome {
        let frame = self.frame;
        match test {
            Test::Address(End::Source, address) => Outcome::Plain(*address == frame.source),
            Test::Address(End::Destination, address) => {
                Outcome::Plain(*address == frame.destination)
            }
            Test::Vlan(id) => Outcome::Plain(*id == frame.vlan),
            Test::VlanBits(bits) => Outcome::Plain(*bits == 0),
            Test::Mac(End::Source, mac) => Outcome::Plain(*mac == frame.source_mac),
            Test::Mac(End::Destination, mac) => Outcome::Plain(*mac == frame.destination_mac),
            Test::Ethertype(ethertype) => Outcome::Plain(*ethertype == frame.ethertype),
            Test::Characteristics(mask) => Outcome::Plain(self.characteristics() & mask != 0),
            Test::Size(range) => Outcome::Plain(contains_usize(range, frame.payload.len())),
            Test::Random(probability) => Outcome::Plain(random() <= *probability),
            Test::Integer { range, index, bits, little_endian } => {
                let value = integer(frame.payload, *index, *bits, *little_endian);
                Outcome::Plain(range.contains(&value))
            }
            Test::Tags { test, id, value } => self.both_tags(*test, *id, *value),
            Test::Tag { end, id, value } => self.one_tag(*end, *id, *value),
            Test::Unknown => Outcome::Plain(self.context.unknown_match),
            _ => self.test_ip(test),
        }
    }

    fn test_ip(&self, test: &Test) -> Outcome {
        let (frame, payload) = (self.frame, self.frame.payload);
        match test {
            Test::Ipv4 { end, ip, bits } => {
                let actual = Ip::of(frame).and_then(|packet| packet.v4(*end));
                or_forced(actual.map(|actual| first_bits_agree(*ip, actual, *bits)))
            }
            Test::Ipv6 { end, ip, bits } => {
                let actual = Ip::of(frame).and_then(|packet| packet.v6(*end));
                or_forced(actual.map(|actual| masked(actual, *bits) == u128::from(*ip)))
            }
            Test::Tos { mask, range } => {
                or_forced(Ip::of(frame).map(|packet| range.contains(&(packet.tos() & mask))))
            }
            Test::Protocol(protocol) => {
                or_forced(Transport::of(frame).map(|transport| transport.protocol == *protocol))
            }
            Test::Port(end, range) => or_forced(Transport::of(frame).map(|transport| {
                transport.port(payload, *end).is_some_and(|port| range.contains(&port))
            })),
            Test::Icmp { kind, code } => {
                let message = Transport::of(frame).and_then(|transport| transport.icmp(payload));
                icmp(message, *kind, *code)
            }
            _ => Outcome::Forced(false),
        }
    }

    /// Types 44 to 48: our tag and the other node's, compared with a value.
    fn both_tags(&self, test: TagTest, id: u32, value: u32) -> Outcome {
        let Some(ours) = self.context.own.tag(id) else { return Outcome::Forced(false) };
        match self.context.other.tag(id) {
            Some(theirs) => Outcome::Plain(compare(test, ours, theirs, value)),
            None if self.frame.inbound && !self.super_accept => Outcome::Forced(false),
            None => Outcome::Lenient,
        }
    }

    /// Types 49 and 50: the tag of the sender, or that of the receiver.
    fn one_tag(&self, end: End, id: u32, value: u32) -> Outcome {
        if self.super_accept {
            return Outcome::Lenient;
        }
        let inbound = self.frame.inbound;
        let is_theirs = inbound == (end == End::Source);
        let tag = if is_theirs { self.context.other.tag(id) } else { self.context.own.tag(id) };
        match tag {
            Some(tag) => Outcome::Plain(tag == value),
            None if is_theirs && !inbound => Outcome::Lenient,
            None => Outcome::Forced(false),
        }
    }

    fn characteristics(&self) -> u64 {
        let frame = self.frame;
        let bit = |set: bool, bit: u64| if set { bit } else { 0 };
        let tcp = Transport::of(frame).and_then(|transport| transport.tcp_flags(frame.payload));
        bit(frame.inbound, 0x8000_0000_0000_0000)
            | bit(frame.destination_mac >> 40 & 0x01 != 0, 0x4000_0000_0000_0000)
            | bit(frame.destination_mac == BROADCAST, 0x2000_0000_0000_0000)
            | bit(self.is_ip_authentic(), 0x1000_0000_0000_0000)
            | bit(self.sender().owns_mac(frame.source_mac), 0x0800_0000_0000_0000)
            | tcp.unwrap_or(0)
    }

    /// The credentials of the node the frame is from.
    fn sender(&self) -> &super::Credentials {
        if self.frame.inbound { self.context.other } else { self.context.own }
    }

    fn is_ip_authentic(&self) -> bool {
        match Sender::of(self.frame) {
            None => false,
            Some(Sender::Solicitation) => true,
            Some(Sender::Ip(ip)) => self.sender().owns_ip(ip) || self.is_emulated(ip),
        }
    }

    fn is_emulated(&self, ip: IpAddr) -> bool {
        let IpAddr::V6(ip) = ip else { return false };
        let covers = |prefix: &Vec<u8>| ip.octets().starts_with(prefix);
        self.frame.inbound && self.context.emulated.iter().any(covers)
    }
}

fn compare(test: TagTest, ours: u32, theirs: u32, value: u32) -> bool {
    match test {
        TagTest::Difference => ours.abs_diff(theirs) <= value,
        TagTest::And => ours & theirs == value,
        TagTest::Or => ours | theirs == value,
        TagTest::Xor => ours ^ theirs == value,
        TagTest::Equal => ours == value && theirs == value,
    }
}

/// Another type says nothing; the right type without a code to compare cannot be negated.
fn icmp(message: Option<[u8; 2]>, kind: u8, code: Option<u8>) -> Outcome {
    match (message, code) {
        (Some([actual, _]), None) => Outcome::Forced(actual == kind),
        (Some([actual, found]), Some(code)) if actual == kind => Outcome::Plain(found == code),
        _ => Outcome::Forced(false),
    }
}

fn contains_usize(range: &std::ops::RangeInclusive<u16>, length: usize) -> bool {
    (usize::from(*range.start())..=usize::from(*range.end())).contains(&length)
}

/// Host bits of the rule do not count in IPv4, unlike IPv6.
fn first_bits_agree(rule: Ipv4Addr, actual: Ipv4Addr, bits: u8) -> bool {
    let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
    (u32::from(rule) ^ u32::from(actual)) & mask == 0
}

fn masked(ip: Ipv6Addr, bits: u8) -> u128 {
    u128::from(ip) & u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0)
}

/// The integer a range is compared with; 0 where the frame does not reach (03, 6.6).
fn integer(payload: &[u8], index: usize, bits: u32, little_endian: bool) -> u64 {
    let width = bits.div_ceil(8) as usize;
    let start = if little_endian { index } else { index + 8 - width };
    let Some(bytes) = payload.get(start..start + width) else { return 0 };
    let mut whole = [0; 8];
    if little_endian {
        whole.iter_mut().zip(bytes).for_each(|(target, byte)| *target = *byte);
        return u64::from_le_bytes(whole) >> (8 * width as u32 - bits);
    }
    whole.iter_mut().rev().zip(bytes.iter().rev()).for_each(|(target, byte)| *target = *byte);
    big(whole) & u64::MAX >> (64 - bits)
}
