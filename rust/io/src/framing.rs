//! Records of the TCP tunnel, each around one datagram (01, 9; 02, 8.3).
//!
//! ```text
//! 17 03 03 | u16 4      | major | minor | u16 revision          the greeting, first of a client
//! 17 03 03 | u16 length | 04 | IPv4: 4 bytes  | u16 port | datagram
//! 17 03 03 | u16 length | 06 | IPv6: 16 bytes | u16 port | datagram
//! 17 03 03 | u16 length | 00 | anything                         of nobody: ignored
//! ```
//!
//! To middleboxes it looks like the application data of TLS.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The first bytes of each record.
const MARK: [u8; 3] = [0x17, 0x03, 0x03];
/// The mark and the length.
const HEADER: usize = 5;
const GREETING_LENGTH: usize = 4;
const NOBODY: u8 = 0x00;
const IPV4: u8 = 0x04;
const IPV6: u8 = 0x06;

/// What a client says first: the release whose protocol we speak.
pub(crate) const GREETING: [u8; HEADER + GREETING_LENGTH] = [0x17, 3, 3, 0, 4, 1, 14, 0, 1];

/// The other side does not speak this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// What a record holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Record<'a> {
    /// A greeting.
    Greeting,
    /// Nothing for anybody.
    Empty,
    /// A datagram, and whom it is for, or from.
    Datagram(SocketAddr, &'a mut [u8]),
}

/// Append a record with a datagram; one that is too long for a record is left out.
pub(crate) fn append(buffer: &mut Vec<u8>, endpoint: SocketAddr, datagram: &[u8]) {
    let length = 1 + if endpoint.is_ipv4() { 4 } else { 16 } + 2 + datagram.len();
    let Ok(length) = u16::try_from(length) else { return };
    buffer.extend_from_slice(&MARK);
    buffer.extend_from_slice(&length.to_be_bytes());
    match endpoint.ip() {
        IpAddr::V4(ip) => {
            buffer.push(IPV4);
            buffer.extend_from_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            buffer.push(IPV6);
            buffer.extend_from_slice(&ip.octets());
        }
    }
    buffer.extend_from_slice(&endpoint.port().to_be_bytes());
    buffer.extend_from_slice(datagram);
}

/// Finds the records in a stream of bytes. Keeps less than one record.
#[derive(Default)]
pub(crate) struct Decoder {
    rest: Vec<u8>,
}

impl Decoder {
    /// Take the next bytes, and hand over each record that they complete.
    pub(crate) fn feed(
        &mut self,
        bytes: &mut [u8],
        mut each: impl FnMut(Record<'_>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        if self.rest.is_empty() {
            let taken = take_records(bytes, &mut each)?;
            self.rest.extend_from_slice(&bytes[taken..]);
            return Ok(());
        }
        // What waits is only added to until a record is whole: a stream that comes byte by byte costs each
        // byte once, not once for every byte before it.
        self.rest.extend_from_slice(bytes);
        let taken = take_records(&mut self.rest, &mut each)?;
        if taken > 0 {
            self.rest = self.rest.split_off(taken);
        }
        Ok(())
    }
}

/// What a stream that arrives in pieces says, each record as its debug text; and whether it broke off as
/// malformed.
#[cfg(fuzzing)]
pub fn hear<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, bool) {
    let (mut decoder, mut heard) = (Decoder::default(), Vec::new());
    let malformed = pieces.into_iter().any(|piece| {
        let hear = |record: Record<'_>| {
            heard.push(format!("{record:?}"));
            Ok(())
        };
        decoder.feed(&mut piece.to_vec(), hear).is_err()
    });
    (heard, malformed)
}

/// Hand over each record that is whole; the length of all of them.
fn take_records(
    bytes: &mut [u8],
    each: &mut impl FnMut(Record<'_>) -> Result<(), Malformed>,
) -> Result<usize, Malformed> {
    let mut taken = 0;
    while let Some(length) = record_length(&bytes[taken..])? {
        each(parse(&mut bytes[taken + HEADER..taken + length])?)?;
        taken += length;
    }
    Ok(taken)
}

/// The length of the first record, if all of it is there.
fn record_length(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    if bytes.iter().zip(&MARK).any(|(byte, mark)| byte != mark) {
        return Err(Malformed);
    }
    let Some(&[_, _, _, high, low]) = bytes.first_chunk() else { return Ok(None) };
    let length = HEADER + usize::from(u16::from_be_bytes([high, low]));
    Ok((bytes.len() >= length).then_some(length))
}

fn parse(payload: &mut [u8]) -> Result<Record<'_>, Malformed> {
    if payload.len() == GREETING_LENGTH {
        return Ok(Record::Greeting);
    }
    let Some((kind, body)) = payload.split_first_mut() else { return Ok(Record::Empty) };
    match *kind {
        NOBODY => Ok(Record::Empty),
        IPV4 => {
            let (ip, rest) = body.split_first_chunk_mut::<4>().ok_or(Malformed)?;
            datagram(IpAddr::V4(Ipv4Addr::from(*ip)), rest)
        }
        IPV6 => {
            let (ip, rest) = body.split_first_chunk_mut::<16>().ok_or(Malformed)?;
            datagram(IpAddr::V6(Ipv6Addr::from(*ip)), rest)
        }
        _ => Err(Malformed),
    }
}

fn datagram(ip: IpAddr, bytes: &mut [u8]) -> Result<Record<'_>, Malformed> {
    let (port, datagram) = bytes.split_first_chunk_mut::<2>().ok_or(Malformed)?;
    Ok(Record::Datagram(SocketAddr::new(ip, u16::from_be_bytes(*port)), datagram))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Heard = Vec<(SocketAddr, Vec<u8>)>;

    /// What comes out of a stream that arrives in pieces.
    fn hear(pieces: &[&[u8]]) -> Result<Heard, Malformed> {
        let (mut decoder, mut heard) = (Decoder::default(), Heard::new());
        for piece in pieces {
            decoder.feed(&mut piece.to_vec(), |record| {
                if let Record::Datagram(from, datagram) = record {
                    heard.push((from, datagram.to_vec()));
                }
                Ok(())
            })?;
        }
        Ok(heard)
    }

    fn stream() -> (Vec<u8>, Heard) {
        let said: Heard = vec![
            ("80.1.2.3:9993".parse().unwrap(), vec![7; 100]),
            ("[2001:db8::5]:1025".parse().unwrap(), Vec::new()),
            ("81.0.0.1:65535".parse().unwrap(), (0..=255).cycle().take(60_000).collect()),
        ];
        let mut bytes = GREETING.to_vec();
        for (to, datagram) in &said {
            append(&mut bytes, *to, datagram);
        }
        (bytes, said)
    }

    #[test]
    fn records_have_the_layout_of_the_wire() {
        let mut bytes = GREETING.to_vec();
        append(&mut bytes, "80.1.2.3:9993".parse().unwrap(), &[0xAA, 0xBB]);
        let wire = [0x17, 3, 3, 0, 4, 1, 14, 0, 1, 0x17, 3, 3, 0, 9, 4, 80, 1, 2, 3, 0x27, 9];
        assert_eq!(bytes, [&wire[..], &[0xAA, 0xBB]].concat());
    }

    #[test]
    fn records_come_out_however_the_stream_was_cut() {
        let (bytes, said) = stream();
        assert_eq!(hear(&[&bytes]), Ok(said.clone()));
        for cut in [1, 2, 3, 4, 5, 6, 9, 10, 25, 130, 30_000] {
            let (head, tail) = bytes.split_at(cut);
            assert_eq!(hear(&[head, tail]), Ok(said.clone()), "cut at {cut}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(hear(&single), Ok(said));
    }

    #[test]
    fn empty_greeting_and_nobody_records_say_nothing() {
        let quiet = [0x17, 3, 3, 0, 0, 0x17, 3, 3, 0, 4, 9, 9, 9, 9, 0x17, 3, 3, 0, 2, 0, 5];
        assert_eq!(hear(&[&quiet]), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_record_is_refused_at_its_first_wrong_byte() {
        assert_eq!(hear(&[b"G"]), Err(Malformed));
        assert_eq!(hear(&[&[0x17, 3], &[1]]), Err(Malformed));
        assert_eq!(hear(&[&[0x16, 3, 1]]), Err(Malformed));
    }

    #[test]
    fn records_with_an_unknown_type_or_a_short_endpoint_are_refused() {
        assert_eq!(hear(&[&[0x17, 3, 3, 0, 2, 5, 0]]), Err(Malformed));
        assert_eq!(hear(&[&[0x17, 3, 3, 0, 6, 4, 80, 1, 2, 3, 0]]), Err(Malformed));
        assert_eq!(hear(&[&[0x17, 3, 3, 0, 3, 6, 0, 0]]), Err(Malformed));
    }

    #[test]
    fn decoder_keeps_less_than_a_record_of_any_stream() {
        let mut decoder = Decoder::default();
        let mut longest = [&[0x17, 3, 3, 0xFF, 0xFF, 0][..], &vec![1; 0xFFFE]].concat();
        longest.pop();
        assert_eq!(decoder.feed(&mut longest, |_| Ok(())), Ok(()));
        assert_eq!(decoder.rest.len(), HEADER + 0xFFFF - 1);
        assert_eq!(decoder.feed(&mut [1, 0x17], |_| Ok(())), Ok(()));
        assert_eq!(decoder.rest.len(), 1);
    }

    #[test]
    fn record_that_comes_byte_by_byte_is_not_copied_for_each_byte() {
        let mut decoder = Decoder::default();
        let mut whole = Vec::new();
        append(&mut whole, "80.1.2.3:9993".parse().unwrap(), &vec![7; 60_000]);
        let (mut moves, mut room) = (0, 0);
        for byte in &whole[..whole.len() - 1] {
            assert_eq!(decoder.feed(&mut [*byte], |_| Ok(())), Ok(()));
            moves += usize::from(decoder.rest.capacity() != room);
            room = decoder.rest.capacity();
        }
        assert!(moves < 32, "moved {moves} times");
    }

    /// A stream that is mostly records, with some bytes changed.
    fn damaged(random: &mut impl FnMut(usize) -> usize) -> Vec<u8> {
        let mut bytes = GREETING.to_vec();
        for _ in 0..random(6) {
            let ip = if random(2) == 0 { "80.1.2.3:9993" } else { "[2001:db8::5]:1025" };
            append(&mut bytes, ip.parse().unwrap(), &vec![random(256) as u8; random(300)]);
            bytes.extend([0x17, 3, 3, 0, random(6) as u8].iter().take(random(6)));
        }
        for _ in 0..random(4) {
            let at = random(bytes.len());
            bytes[at] = random(256) as u8;
        }
        bytes
    }

    /// `make fuzz TARGET=framing` sets how long, and the seed; without that some thousand rounds are done.
    #[test]
    fn fuzz_framing() {
        let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let moment =
            std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(1, |at| at.as_nanos() as u64);
        let first = number("FUZZ_SEED").unwrap_or(moment);
        let seconds = number("FUZZ_SECONDS").map(std::time::Duration::from_secs);
        let started = std::time::Instant::now();
        let mut round = 0;
        while seconds.map_or(round < 5_000, |time| started.elapsed() < time) {
            let seed = first.wrapping_add(round);
            let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
            let mut random = |below: usize| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 11) as usize % below.max(1)
            };
            let bytes = damaged(&mut random);
            let whole = hear(&[&bytes]);
            let mut pieces: Vec<&[u8]> = Vec::new();
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (head, tail) = rest.split_at(1 + random(rest.len().min(40)));
                (pieces, rest) = ([pieces, vec![head]].concat(), tail);
            }
            assert_eq!(hear(&pieces), whole, "FUZZ_SEED={seed} FUZZ_SECONDS=1 repeats it");
            round += 1;
        }
        println!("framing: {round} rounds from seed {first} on, nothing found");
    }

    #[test]
    fn datagram_too_long_for_a_record_is_left_out() {
        let mut bytes = Vec::new();
        append(&mut bytes, "80.1.2.3:9993".parse().unwrap(), &vec![0; 0x10000]);
        assert!(bytes.is_empty());
    }
}
