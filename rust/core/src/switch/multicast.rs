//! Frames of the TAP to multicast groups (03, 8.5, 8.8).

use super::counters::Counter;
use super::egress::{Egress, Held, Origin};
use super::filter::NodeCredentials;
use super::frames::{MULTICAST_FRAME, MulticastFrame};
use super::network::{Group, GroupId, Member, Network, NetworkTables};
use super::punt::FrameReason;
use super::tables::{Map, Table};
use super::vl1::Unsent;
use crate::ethernet::{self, ARP, BROADCAST, Header, IPV6};
use crate::packet::{self, HEADER_LENGTH, VERB};

/// Hardware type end, protocol type and lengths of an ARP packet for IPv4 over Ethernet.
const ARP_IPV4: [u8; 4] = [0x08, 0x00, 0x06, 0x04];
/// ARP operation: request (its low byte).
const ARP_REQUEST: u8 = 0x01;
/// IPv6 next header: ICMP for IPv6.
const ICMPV6: u8 = 0x3a;
/// ICMP type: neighbour solicitation.
const SOLICITATION: u8 = 0x87;

impl Egress<'_> {
    pub(super) fn multicast(&mut self, tables: &mut NetworkTables) -> Result<(), Held> {
        let NetworkTables { installed: Some(network), groups, members, nobody, common } = tables
        else {
            return Err(Counter::DropNetwork.into());
        };
        let broadcast = network.config.broadcast;
        let (id, own) = (group_of(self.header, self.payload, broadcast), self.vl1.address);
        if id == (BROADCAST, 0) && !broadcast {
            return Err(Counter::DropBroadcast.into());
        }
        if self.origin == Origin::Tap {
            if !common.may_send(own, id, network.config.send_budget, self.now) {
                return Err(Counter::DropSendBudget.into());
            }
            if network.config.emulate_neighbours && self.may_be_emulated(network) {
                return Err(FrameReason::Neighbour.into());
            }
        }
        if network.config.multicast_limit == 0 {
            return Err(Counter::DropMulticast.into());
        }
        let passage = self.judge(network, nobody, 0)?;
        let group = self.group(groups, id).ok_or(FrameReason::Multicast)?;
        if self.observe(network, members, &passage) {
            return Ok(());
        }
        if group.hand_off {
            return self.hand_off(network, id, group);
        }
        self.distribute(network, members, nobody, id, group);
        Ok(())
    }

    /// For a member that asked us to; its own rules and budget let it leave already.
    pub(super) fn replicate(&mut self, tables: &mut NetworkTables) -> Result<(), Held> {
        let NetworkTables { installed: Some(network), groups, members, nobody, .. } = tables else {
            return Err(Counter::DropNetwork.into());
        };
        self.replicate_in(network, groups, members, nobody)
    }

    /// The same, within a network.
    pub(super) fn replicate_in(
        &mut self,
        network: &Network,
        groups: &Map<GroupId, Group>,
        members: &mut Table<u64, Member>,
        nobody: &NodeCredentials,
    ) -> Result<(), Held> {
        if !network.config.replicates || !ethernet::is_multicast(self.header.destination) {
            return Err(Counter::DropMulticast.into());
        }
        let id = group_of(self.header, self.payload, network.config.broadcast);
        let group = self.group(groups, id).ok_or(FrameReason::Replicate)?;
        self.distribute(network, members, nobody, id, group);
        Ok(())
    }

    fn group<'a>(&self, groups: &'a Map<GroupId, Group>, id: GroupId) -> Option<&'a Group> {
        groups.get(&id).filter(|group| self.now < group.refresh_at)
    }

    /// Send it to the replicator, which evaluates no rules for us. If there is no route to the replicator, the
    /// frame is punted and the engines choose another one.
    fn hand_off(&mut self, network: &Network, id: GroupId, group: &Group) -> Result<(), Held> {
        let plain = self.multicast_packet(network, id, group);
        let (verb, payload) = (plain[VERB], &plain[HEADER_LENGTH..]);
        let replicator = group.recipients.first().copied().unwrap_or_default();
        let sent = self.vl1.send(replicator, verb, [payload, &[]], self.now, self.out);
        self.vl1.plain = plain;
        match sent {
            Ok(()) => {
                self.vl1.counters.add(Counter::FramesTx);
                Ok(())
            }
            Err(Unsent::Route) if self.origin == Origin::Tap => Err(FrameReason::Multicast.into()),
            Err(unsent) => Err(unsent.counter().into()),
        }
    }

    /// One sealed packet for each recipient of the group, but us and the member it comes from.
    fn distribute(
        &mut self,
        network: &Network,
        members: &mut Table<u64, Member>,
        nobody: &NodeCredentials,
        id: GroupId,
        group: &Group,
    ) {
        let plain = self.multicast_packet(network, id, group);
        let own = self.vl1.address;
        for address in group.recipients.iter().copied() {
            if address == own || self.origin == Origin::Member(address) {
                continue;
            }
            match self.send_to_recipient(network, members, nobody, address, &plain) {
                Ok(()) => {}
                Err(counter) => self.vl1.counters.add(counter),
            }
        }
        self.vl1.plain = plain;
    }

    /// The second pass: to one recipient, without copies.
    fn send_to_recipient(
        &mut self,
        network: &Network,
        members: &mut Table<u64, Member>,
        nobody: &NodeCredentials,
        address: u64,
        plain: &[u8],
    ) -> Result<(), Counter> {
        let other = members.get(&address).map_or(nobody, |member| &member.credentials);
        let passage = self.judge(network, other, address)?;
        if self.observe(network, members, &passage.without_copies()) {
            return Ok(());
        }
        let (verb, payload) = (plain[VERB], &plain[HEADER_LENGTH..]);
        let sent = self.vl1.send(address, verb, [payload, &[]], self.now, self.out);
        self.vl1.counters.add(sent.map_or_else(Unsent::counter, |()| Counter::FramesTx));
        if members.get_or_default(address).is_push_due(self.now) {
            self.punt_push_due(network.id, address);
        }
        Ok(())
    }

    /// The plain packet that all recipients get, but for its ID and destination; in memory to be given back.
    fn multicast_packet(
        &mut self,
        network: &Network,
        (mac, adi): GroupId,
        group: &Group,
    ) -> Vec<u8> {
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
        let mut plain = std::mem::take(&mut self.vl1.plain);
        plain.clear();
        plain.extend_from_slice(&packet::header(0, 0, self.vl1.address, MULTICAST_FRAME));
        frame.emit(network.id, &mut plain);
        if network.config.compress_multicast {
            self.vl1.compressor.compress(&mut plain);
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
        embedded.is_some_and(|address| address != 0 && address != self.vl1.address)
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
