//! Packets that no session opens: which of them are worth the engines' time (01, 6.5; 02, 3.6, 4.10).

use crate::packet::{
    HEADER_LENGTH, Head, SUITE_AES_GMAC_SIV, SUITE_TRUSTED, address_from, is_reserved,
};
use crate::switch::ground::counters::DropReason;
use crate::switch::out::output::Output;
use crate::switch::out::punt::Punt;
use crate::switch::parts::Switch;
use crate::switch::reach::paths::Path;
use crate::switch::reach::ration::Asks;

/// Lowest protocol version that is spoken (01, 1.7).
const MIN_PROTOCOL: u8 = 4;
/// Bytes of a HELLO before the identity: versions and the time.
const VERSIONS_LENGTH: usize = 13;
/// Bytes of an identity without its private key (01, 2.6).
const IDENTITY_LENGTH: usize = 71;
/// Where its type is, of which there is one.
const IDENTITY_TYPE: usize = 5;
/// Where its public key is.
const PUBLIC_KEY: std::ops::Range<usize> = IDENTITY_TYPE + 1..IDENTITY_LENGTH - 1;
/// Lengths that a private key may say it has; it is read past, never used.
const PRIVATE_LENGTHS: [u8; 2] = [0, 64];

/// What makes a HELLO invalid whatever its keys are: the reason to count.
fn fault(head: &Head<'_>) -> Option<DropReason> {
    let Some((versions, rest)) = head.payload().split_first_chunk::<VERSIONS_LENGTH>() else {
        return Some(DropReason::HelloMalformed);
    };
    let Some((identity, rest)) = rest.split_first_chunk::<IDENTITY_LENGTH>() else {
        return Some(DropReason::HelloMalformed);
    };
    let [a, b, c, d, e, ..] = *identity;
    let private = identity[IDENTITY_LENGTH - 1];
    if identity[IDENTITY_TYPE] != 0
        || !PRIVATE_LENGTHS.contains(&private)
        || rest.len() < private.into()
    {
        Some(DropReason::HelloMalformed)
    } else if versions[0] < MIN_PROTOCOL {
        Some(DropReason::HelloProtocol)
    } else if address_from([a, b, c, d, e]) != head.source() {
        Some(DropReason::HelloSource)
    } else {
        None
    }
}

/// The public key in a HELLO without a fault.
fn public_key<'a>(head: &Head<'a>) -> &'a [u8] {
    let identity = head.payload().get(VERSIONS_LENGTH..).unwrap_or_default();
    identity.get(PUBLIC_KEY).unwrap_or_default()
}

impl Switch {
    /// A suite-0 HELLO. If its MAC fits the session of its source, that peer sent it. If not, it is forged if it
    /// has that very peer's identity: with the same identity goes the same key. Otherwise it is from a newcomer
    /// or from another identity with the same address, or it is forged: only the engines can tell.
    pub(in crate::switch) fn greet(
        &mut self,
        path: Path,
        packet: &mut [u8],
        now: u64,
        out: &mut Output,
    ) {
        let Some(head) = Head::parse(packet) else { return self.discard(DropReason::Noise) };
        let (source, hops) = (head.source(), head.hops());
        if let Some(fault) = fault(&head) {
            return self.discard(fault);
        }
        if !self.may_be(source) {
            return self.discard(DropReason::ReservedSource);
        }
        let session = self.vl1.peers.session(source);
        let is_own = session.is_some_and(|session| *session.public_key == *public_key(&head));
        let authentic = session.is_some_and(|session| session.keys.open(packet).is_ok());
        if is_own && !authentic {
            return self.discard(DropReason::Unauthentic);
        }
        if authentic {
            self.vl1.peers.heard(source, &path, hops, now);
            if !self.vl1.affords(source, Asks::Hello, now) {
                return;
            }
        } else {
            let known = self.vl1.paths.is_installed(&path);
            if !self.prefixes.take_newcomer(&path, known, now) {
                return self.discard(DropReason::NewcomerBudget);
            }
        }
        self.punt(Punt::Hello { path, source, authentic, packet: packet.to_vec() }, out);
    }

    /// A packet of an address without a session: the engines may learn who that is.
    pub(in crate::switch) fn wonder(
        &mut self,
        path: Path,
        packet: &[u8],
        now: u64,
        out: &mut Output,
    ) {
        let Some(head) = Head::parse(packet) else { return self.discard(DropReason::Noise) };
        let (source, suite) = (head.source(), head.suite());
        if !self.may_be(source) {
            return self.discard(DropReason::ReservedSource);
        }
        if suite > SUITE_AES_GMAC_SIV {
            return self.discard(DropReason::Unauthentic);
        }
        if suite == SUITE_TRUSTED && !self.trusts(path, head.trusted_path_id()) {
            return self.discard(DropReason::TrustedPath);
        }
        let known = self.vl1.paths.is_installed(&path);
        if !self.prefixes.take_stranger(&path, known, now) {
            return self.discard(DropReason::StrangerBudget);
        }
        self.punt(Punt::UnknownSource { path, source, packet: packet.to_vec() }, out);
    }

    /// Whether another node may have this address.
    const fn may_be(&self, source: u64) -> bool {
        !is_reserved(source) && source != self.vl1.address
    }
}

const _: () = assert!(HEADER_LENGTH + VERSIONS_LENGTH + IDENTITY_LENGTH == 112, "as in (01, 6.5)");
