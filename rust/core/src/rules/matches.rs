//! What each match compares (03, 6.4-6.6).

use std::net::IpAddr;

use super::claims::Sender;
use super::dress::Undressed;
use super::fragments;
use super::frame::{Content, Context, Credentials, Frame};
use super::ip::{Layers, Transport};
use super::table::{End, Integer, Range, TagTest, Test, big};
use crate::packet::address_from;

/// The MAC of all stations.
const BROADCAST: u64 = 0xffff_ffff_ffff;

/// Characteristics, beside the flags of TCP (03, 6.4).
const INBOUND: u64 = 0x8000_0000_0000_0000;
const TO_GROUP: u64 = 0x4000_0000_0000_0000;
const TO_ALL: u64 = 0x2000_0000_0000_0000;
const IP_AUTHENTIC: u64 = 0x1000_0000_0000_0000;
const MAC_AUTHENTIC: u64 = 0x0800_0000_0000_0000;
/// The flags of TCP.
const TCP_FLAGS: u64 = 0x0fff;

/// What a match says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It holds, or not.
    Plain(bool),
    /// It can say nothing: taken as it is, whatever NOT says.
    Forced(bool),
    /// True because the other side will know better, and the next DROP is skipped once (03, 6.5).
    Lenient,
    /// It is in another fragment: whatever lets less through, whatever NOT says.
    Hidden,
}

/// How a true or false answer is plain, and no answer is forced false.
fn or_forced(answer: Option<bool>) -> Outcome {
    answer.map_or(Outcome::Forced(false), Outcome::Plain)
}

/// How the rest is taken where no answer means that it is elsewhere.
fn or_hidden(answer: Option<bool>, is_hidden: bool) -> Outcome {
    if is_hidden && answer.is_none() { Outcome::Hidden } else { or_forced(answer) }
}

/// A frame and what it is judged by.
pub(super) struct Subject<'a> {
    pub(super) frame: &'a Frame<'a>,
    context: &'a Context<'a>,
    /// What is judged in earnest: the frame without its dress. `None`: the frame as stock nodes see it.
    undressed: Option<&'a Undressed<'a>>,
    layers: Layers<'a>,
    /// Those that take no look at credentials.
    characteristics: u64,
    /// A set that failed would have sent the frame to us.
    pub(super) super_accept: bool,
}

impl<'a> Subject<'a> {
    /// As stock nodes see it.
    pub(super) fn new(frame: &'a Frame<'a>, context: &'a Context<'a>) -> Self {
        Self::with(frame, context, None, Layers::of(Content::of(frame)))
    }

    /// As the host behind its receiver may take it.
    pub(super) fn in_earnest(
        frame: &'a Frame<'a>,
        context: &'a Context<'a>,
        undressed: &'a Undressed<'a>,
    ) -> Self {
        Self::with(frame, context, Some(undressed), fragments::layers(undressed.core()))
    }

    fn with(
        frame: &'a Frame<'a>,
        context: &'a Context<'a>,
        undressed: Option<&'a Undressed<'a>>,
        layers: Layers<'a>,
    ) -> Self {
        let characteristics = characteristics(frame, &layers);
        Self { frame, context, undressed, layers, characteristics, super_accept: false }
    }

    #[inline]
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
            Test::Ethertype(ethertype) => Outcome::Plain(
                *ethertype == frame.ethertype
                    || self.undressed.is_some_and(|it| it.has(*ethertype)),
            ),
            Test::Characteristics(mask) => self.any_of(*mask),
            Test::Size(range) => Outcome::Plain(contains_usize(*range, frame.payload.len())),
            Test::Random(probability) => Outcome::Plain(random() <= *probability),
            Test::Integer(wanted) => {
                Outcome::Plain(wanted.range.contains(integer(self.read_by(wanted), wanted)))
            }
            Test::Tags { test, id, value } => self.both_tags(*test, *id, *value),
            Test::Tag { end, id, value } => self.one_tag(*end, *id, *value),
            Test::Unknown => Outcome::Plain(self.context.unknown_match),
            _ => self.test_ip(test),
        }
    }

    #[inline]
    fn test_ip(&self, test: &Test) -> Outcome {
        let Layers { ip, transport, .. } = self.layers;
        match test {
            Test::Ipv4 { end, ip: wanted, mask } => {
                let actual = ip.and_then(|packet| packet.v4(*end));
                or_forced(actual.map(|actual| actual & mask == *wanted))
            }
            Test::Ipv6(end, prefix) => {
                let actual = ip.and_then(|packet| packet.v6(*end));
                or_forced(actual.map(|actual| actual & prefix.mask == prefix.ip))
            }
            Test::Tos { mask, range } => {
                or_forced(ip.map(|packet| range.contains(packet.tos() & mask)))
            }
            Test::Protocol(protocol) => {
                let answer = transport.map(|transport| transport.protocol == *protocol);
                or_hidden(answer, self.layers.hides_protocol())
            }
            Test::Port(end, range) => match self.layers.port(*end) {
                Some(port) => Outcome::Plain(range.contains(port)),
                None if self.layers.hides(Transport::has_ports) => Outcome::Hidden,
                None => or_forced(transport.map(|_| false)),
            },
            Test::Icmp { kind, code } => match self.layers.icmp() {
                None if self.layers.hides(Transport::is_icmp) => Outcome::Hidden,
                message => icmp(message, *kind, *code),
            },
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

    /// What an integer is read of: what follows the ethertype that its set names, so that rules about tags
    /// read tags; else the innermost.
    fn read_by(&self, wanted: &Integer) -> &'a [u8] {
        let Some(undressed) = self.undressed else { return self.frame.payload };
        let named = wanted.behind.and_then(|ethertype| undressed.behind(ethertype));
        named.unwrap_or(undressed.core().payload)
    }

    fn any_of(&self, mask: u64) -> Outcome {
        let has_any = self.has_any(mask);
        if !has_any
            && mask & TCP_FLAGS != 0
            && self.layers.hides(Transport::is_tcp)
            && self.layers.tcp_flags().is_none()
        {
            return Outcome::Hidden;
        }
        Outcome::Plain(has_any)
    }

    /// Whether the frame has any of these characteristics; ownership is looked at last, and only if asked.
    fn has_any(&self, mask: u64) -> bool {
        self.characteristics & mask != 0
            || mask & IP_AUTHENTIC != 0 && self.is_ip_authentic()
            || mask & MAC_AUTHENTIC != 0 && self.sender().owns_mac(self.frame.source_mac)
    }

    /// The credentials of the node the frame is from.
    fn sender(&self) -> &Credentials {
        if self.frame.inbound { self.context.other } else { self.context.own }
    }

    fn is_ip_authentic(&self) -> bool {
        let sender = match self.undressed {
            None => Sender::of(Content::of(self.frame), self.layers.ip),
            Some(it) => Sender::in_earnest(it.core(), &self.layers, self.frame.source_mac),
        };
        match sender {
            None => false,
            Some(Sender::Exempt) => true,
            Some(Sender::Ip(ip)) => self.sender().owns_ip(ip) || self.is_emulated(ip),
        }
    }

    /// Whether the network's formula gives this address (03, 9.1): to the sender, where we are that or judge
    /// in earnest, and else to anybody. Of a 6PLANE network each node has a whole /80, for its containers.
    fn is_emulated(&self, ip: IpAddr) -> bool {
        let IpAddr::V6(ip) = ip else { return false };
        let ip = ip.octets();
        let covers = |prefix: &Vec<u8>| {
            let Some(rest) = ip.strip_prefix(prefix.as_slice()) else { return false };
            let believed = self.undressed.is_none() && self.frame.inbound;
            believed || rest.first_chunk().map(|it| address_from(*it)) == Some(self.frame.source)
        };
        self.context.emulated.iter().any(covers)
    }
}

/// Those characteristics that take no look at credentials.
pub(super) fn characteristics(frame: &Frame<'_>, layers: &Layers<'_>) -> u64 {
    let bit = |set: bool, bit: u64| if set { bit } else { 0 };
    bit(frame.inbound, INBOUND)
        | bit(frame.destination_mac >> 40 & 0x01 != 0, TO_GROUP)
        | bit(frame.destination_mac == BROADCAST, TO_ALL)
        | layers.tcp_flags().unwrap_or(0)
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

fn contains_usize(range: Range<u16>, length: usize) -> bool {
    Range(usize::from(range.0), usize::from(range.1)).contains(length)
}

/// The integer a range is compared with; 0 where the frame does not reach (03, 6.6).
fn integer(payload: &[u8], wanted: &Integer) -> u64 {
    let Integer { index, bits, little_endian, .. } = *wanted;
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
