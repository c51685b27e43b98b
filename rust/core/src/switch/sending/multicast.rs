//! Frames of the TAP to multicast groups (03, 8.5, 8.8).

use crate::ethernet::{self, ARP, BROADCAST, Header, IPV6};
use crate::packet::{self, HEADER_LENGTH, VERB};
use crate::switch::ground::counters::{Counter, DropReason};
use crate::switch::ground::frames::{MULTICAST_FRAME, MulticastFrame};
use crate::switch::ground::group::{Group, GroupId};
use crate::switch::networks::call::Call;
use crate::switch::networks::network::Network;
use crate::switch::out::punt::FrameReason;
use crate::switch::sending::egress::{Egress, Held, Origin};

/// Hardware type end, protocol type and lengths of an ARP packet for IPv4 over Ethernet.
const ARP_IPV4: [u8; 4] = [0x08, 0x00, 0x06, 0x04];
/// ARP operation: request (its low byte).
const ARP_REQUEST: u8 = 0x01;
/// IPv6 next header: ICMP for IPv6.
const ICMPV6: u8 = 0x3a;
/// ICMP type: neighbour solicitation.
const SOLICITATION: u8 = 0x87;

impl<'a> Egress<'a> {
    pub(in crate::switch) fn multicast(&mut self) -> Result<(), Held> {
        let Call { vl1, lan, now, .. } = &self.call;
        let network = lan.network;
        let broadcast = network.config.broadcast;
        let (id, own) = (group_of(self.header, self.payload, broadcast), vl1.address);
        if id == (BROADCAST, 0) && !broadcast {
            return Err(DropReason::Broadcast.into());
        }
        if self.origin == Origin::Tap {
            if !lan.common.may_send(own, id, network.config.send_budget, *now) {
                return Err(DropReason::SendBudget.into());
            }
            if network.config.emulate_neighbours && self.may_be_emulated(network) {
                return Err(FrameReason::Neighbour.into());
            }
        }
        if network.config.multicast_limit == 0 {
            return Err(DropReason::Multicast.into());
        }
        let passage = self.judge(0)?;
        let group = self.group(id).ok_or(FrameReason::Multicast)?;
        if self.observe(&passage) {
            return Ok(());
        }
        if group.hand_off {
            return self.hand_off(id, group);
        }
        self.distribute(id, group);
        Ok(())
    }

    /// For a member that asked us to; its own rules and budget let it leave already.
    pub(in crate::switch) fn replicate(&mut self, member: u64) -> Result<(), Held> {
        let network = self.call.lan.network;
        if !network.config.replicates || !ethernet::is_multicast(self.header.destination) {
            return Err(DropReason::Multicast.into());
        }
        let id = group_of(self.header, self.payload, network.config.broadcast);
        let group = self.group(id).ok_or(FrameReason::Replicate(member))?;
        self.distribute(id, group);
        Ok(())
    }

    fn group(&self, id: GroupId) -> Option<&'a Group> {
        self.call.lan.groups.get(&id).filter(|group| self.call.now < group.refresh_at)
    }

    /// Send it to the replicator, which evaluates no rules for us. If there is no route to the replicator, the
    /// frame is punted and the engines choose another one.
    fn hand_off(&mut self, id: GroupId, group: &Group) -> Result<(), Held> {
        let plain = self.multicast_packet(id, group);
        let (verb, payload) = (plain[VERB], &plain[HEADER_LENGTH..]);
        let replicator = group.recipients.first().copied().unwrap_or_default();
        let sent = self.call.send(replicator, verb, [payload, &[]]);
        self.call.vl1.plain = plain;
        match sent {
            Ok(()) => {
                self.call.vl1.counters.add(Counter::FramesTx);
                Ok(())
            }
            Err(DropReason::Route) if self.origin == Origin::Tap => {
                Err(FrameReason::Multicast.into())
            }
            Err(reason) => Err(reason.into()),
        }
    }

    /// One sealed packet for each recipient of the group, but us and the member it comes from.
    fn distribute(&mut self, id: GroupId, group: &Group) {
        let plain = self.multicast_packet(id, group);
        let own = self.call.vl1.address;
        for address in group.recipients.iter().copied() {
            if address == own || self.origin == Origin::Member(address) {
                continue;
            }
            match self.send_to_recipient(address, &plain) {
                Ok(()) => {}
                Err(reason) => self.call.vl1.discard(reason),
            }
        }
        self.call.vl1.plain = plain;
    }

    /// The second pass: to one recipient, without copies.
    fn send_to_recipient(&mut self, address: u64, plain: &[u8]) -> Result<(), DropReason> {
        let passage = self.judge(address)?;
        if self.observe(&passage.without_copies()) {
            return Ok(());
        }
        let (verb, payload) = (plain[VERB], &plain[HEADER_LENGTH..]);
        match self.call.send(address, verb, [payload, &[]]) {
            Ok(()) => self.call.vl1.counters.add(Counter::FramesTx),
            Err(reason) => self.call.vl1.discard(reason),
        }
        if self.call.lan.members.get_or_default(address).is_push_due(self.call.now) {
            self.call.punt_push_due(address);
        }
        Ok(())
    }

    /// The plain packet that all recipients get, but for its ID and destination; in memory to be given back.
    fn multicast_packet(&mut self, (mac, adi): GroupId, group: &Group) -> Vec<u8> {
        let (vl1, network) = (&mut *self.call.vl1, self.call.lan.network);
        let foreign = self.header.source != network.mac;
        let frame = MulticastFrame {
            gather_limit: group.gather_limit,
            replicate: group.hand_off,
            source: (foreign || group.hand_off).then_some(self.header.source),
            mac,
            adi,
            ethertype: self.header.ethertype,
            data: self.payload,
        };
        let mut plain = std::mem::take(&mut vl1.plain);
        plain.clear();
        plain.extend_from_slice(&packet::header(0, 0, vl1.address, MULTICAST_FRAME));
        frame.emit(network.id, &mut plain);
        if network.config.compress_multicast {
            vl1.compressor.compress(&mut plain);
        }
        plain
    }

    /// Whether this is a neighbour solicitation for an address that embeds another node's (03, 8.8).
    fn may_be_emulated(&self, network: &Network) -> bool {
        let p = self.payload;
        let solicits = self.header.destination != BROADCAST
            && self.header.ethertype == IPV6
            && p.len() >= 64
            && p[6] == ICMPV6
            && p[40] == SOLICITATION;
        if !solicits {
            return false;
        }
        let embedded = p.get(48..64).and_then(|target| embedded_address(target, network.id));
        embedded.is_some_and(|address| address != 0 && address != self.call.vl1.address)
    }
}

/// The group a frame goes to: ARP requests have one for each address asked for (03, 8.5).
///
/// A request for the sender's own address (a gratuitous ARP) is an announcement: it goes to the broadcast group,
/// since the group of the address holds at most its previous owner. On networks without broadcast no member is in
/// the broadcast group, so there it goes to the group of the address.
fn group_of(header: Header, payload: &[u8], broadcast: bool) -> GroupId {
    let is_request = header.destination == BROADCAST
        && header.ethertype == ARP
        && payload.len() >= 28
        && payload[2..6] == ARP_IPV4
        && payload[7] == ARP_REQUEST;
    match payload.get(24..28) {
        Some(target) if is_request && broadcast && payload[14..18] == *target => (BROADCAST, 0),
        Some(&[a, b, c, d]) if is_request => (BROADCAST, u32::from_be_bytes([a, b, c, d])),
        _ => (header.destination, 0),
    }
}

/// The node in an RFC 4193 or 6PLANE address of this network (03, 8.8, 9.1).
fn embedded_address(target: &[u8], network: u64) -> Option<u64> {
    let folded = (network >> 32) as u32 ^ network as u32;
    let node = match target {
        [0xfd, id @ .., 0x99, 0x93, a, b, c, d, e] if id == network.to_be_bytes() => {
            [*a, *b, *c, *d, *e]
        }
        [0xfc, id @ .., a, b, c, d, e, _, _, _, _, _, _] if id == folded.to_be_bytes() => {
            [*a, *b, *c, *d, *e]
        }
        _ => return None,
    };
    Some(packet::address_from(node))
}
