//! Frames of peers on their way to the TAP: the gate, the rules, the bridging checks (03, 5, 7.2, 8.6).

use crate::ethernet::{self, Header};
use crate::switch::ground::counters::{Counter, DropReason};
use crate::switch::ground::frames::{
    self, EXT_FRAME, ExtFrame, FRAME, Frame, MULTICAST_FRAME, MulticastFrame,
};
use crate::switch::ground::group::GroupId;
use crate::switch::networks::call::Call;
use crate::switch::networks::copies::INBOUND;
use crate::switch::networks::filter::{Candidate, Passage};
use crate::switch::out::output::Output;
use crate::switch::out::punt::{Arrival, Punt};
use crate::switch::parts::Switch;
use crate::switch::reach::ration::Asks;
use crate::switch::sending::egress::{Egress, Held, Origin};

/// Longest data of a multicast frame (01, 6.18).
const MAX_MULTICAST: usize = 10_000;

/// An authenticated, decrypted and decompressed packet.
#[derive(Clone, Copy, Debug)]
pub struct Opened<'a> {
    /// How it came.
    pub arrival: Arrival,
    /// What follows the header.
    pub payload: &'a [u8],
}

impl Opened<'_> {
    pub(in crate::switch) const fn carries_frame(&self) -> bool {
        matches!(self.arrival.verb, FRAME | EXT_FRAME | MULTICAST_FRAME)
    }
}

impl Switch {
    /// Process again an opened frame packet that was punted. What is still refused is dropped. `judged`:
    /// not the gate refused it but the rules did, and all else was done.
    pub fn deliver(&mut self, packet: &Opened<'_>, judged: bool, now: u64, out: &mut Output) {
        if !packet.carries_frame() {
            return self.discard(DropReason::Verb);
        }
        match self.admit(packet, judged, now, out) {
            Ok(()) => {}
            Err(DropReason::Rules) if judged => {}
            Err(reason) => self.discard(reason),
        }
    }

    /// A frame packet, for the first time: the engines are asked about senders that are not admitted.
    pub(in crate::switch) fn receive_frame(
        &mut self,
        packet: &Opened<'_>,
        now: u64,
        out: &mut Output,
    ) {
        match self.admit(packet, false, now, out) {
            Ok(()) => {}
            Err(DropReason::Gate) => self.ask_at_the_gate(packet, now, out),
            Err(DropReason::Rules) => {
                self.discard(DropReason::Rules);
                self.ask_for_credentials(packet, now, out);
            }
            Err(reason) => self.discard(reason),
        }
    }

    fn ask_at_the_gate(&mut self, packet: &Opened<'_>, now: u64, out: &mut Output) {
        let Opened { arrival, payload } = *packet;
        let Some(network) = frames::network_of(payload) else { return };
        if self.vl1.affords(arrival.source, Asks::Frame, now) {
            self.punt(Punt::Gate { arrival, payload: payload.to_vec(), network }, out);
        }
    }

    /// Its sender's credentials may be on their way up: frames overtake them.
    fn ask_for_credentials(&mut self, packet: &Opened<'_>, now: u64, out: &mut Output) {
        let Opened { arrival, payload } = *packet;
        let Some(network) = frames::network_of(payload) else { return };
        let tables = self.networks.get(&network);
        if tables.is_some_and(|tables| tables.is_worth_asking(arrival.source, now))
            && self.vl1.affords(arrival.source, Asks::Frame, now)
        {
            // What else it asks for has told its size.
            let arrival = Arrival { size: 0, ..arrival };
            self.punt(Punt::Rules { arrival, payload: payload.to_vec(), network }, out);
        }
    }

    /// Fails with `Gate` where the sender is not admitted, and with `Rules` where these refuse the frame, even
    /// that of a packet that counts all the same.
    fn admit(
        &mut self,
        packet: &Opened<'_>,
        judged: bool,
        now: u64,
        out: &mut Output,
    ) -> Result<(), DropReason> {
        let id = frames::network_of(packet.payload).ok_or(DropReason::Malformed)?;
        let tables = self.networks.get_mut(&id).ok_or(DropReason::Network)?;
        let admitted = tables.is_admitted(packet.arrival.source);
        let lan = tables.lan().ok_or(DropReason::Network)?;
        if !admitted {
            return Err(DropReason::Gate);
        }
        let call = Call { vl1: &mut self.vl1, lan, now, out };
        Delivery { call, packet, judged }.run()
    }
}

/// One frame packet of an admitted member. Steps fail with the reason to count.
struct Delivery<'a> {
    call: Call<'a>,
    packet: &'a Opened<'a>,
    /// It was here before, and all but what the rules refused was done: nothing is spent, sent on,
    /// acknowledged or gathered twice.
    judged: bool,
}

impl Delivery<'_> {
    fn run(&mut self) -> Result<(), DropReason> {
        match self.packet.arrival.verb {
            FRAME => self.frame(),
            EXT_FRAME => self.ext_frame(),
            _ => self.multicast_frame(),
        }
    }

    fn frame(&mut self) -> Result<(), DropReason> {
        let frame = Frame::parse(self.packet.payload).ok_or(DropReason::Malformed)?;
        self.accepted();
        if frame.data.is_empty() {
            return Ok(());
        }
        let (destination, source) = (self.call.lan.network.mac, self.sender_mac());
        let header = Header { destination, source, ethertype: frame.ethertype };
        let passage = self.judge(header, frame.data)?;
        self.pass(&passage, header, frame.data)
    }

    fn ext_frame(&mut self) -> Result<(), DropReason> {
        let frame = ExtFrame::parse(self.packet.payload).ok_or(DropReason::Malformed)?;
        self.accepted();
        let mut outcome = Ok(());
        if !frame.data.is_empty() {
            self.check_source(frame.header)?;
            outcome = self.ext_frame_data(frame.header, frame.data);
        }
        if frame.acknowledge && !self.judged && self.affords() {
            let (arrival, network) = (self.packet.arrival, self.call.lan.network.id);
            self.call.punt(Punt::Ack { arrival, network });
        }
        outcome
    }

    /// Fails where the frame is not even acknowledged.
    fn check_source(&self, header: Header) -> Result<(), DropReason> {
        if header.source == 0 || header.source == self.call.lan.network.mac {
            return Err(DropReason::SourceMac);
        }
        if ethernet::is_multicast(header.destination) {
            self.spend((header.destination, 0))?;
        }
        Ok(())
    }

    fn ext_frame_data(&mut self, header: Header, data: &[u8]) -> Result<(), DropReason> {
        let passage = self.judge(header, data)?;
        if !passage.unchecked && passage.redirect.is_none() {
            self.check_addresses(header)?;
        }
        self.pass(&passage, header, data)
    }

    /// Whether these MACs may be sent by this peer to us (03, 7.2, steps 3 and 4).
    fn check_addresses(&self, header: Header) -> Result<(), DropReason> {
        let network = self.call.lan.network;
        let allowed = if header.source != self.sender_mac() {
            return self.learn_bridged(header.source);
        } else if header.destination == network.mac {
            true
        } else if ethernet::is_multicast(header.destination) {
            network.config.multicast_limit != 0
        } else {
            network.we_bridge
        };
        if allowed { Ok(()) } else { Err(DropReason::Bridge) }
    }

    fn multicast_frame(&mut self) -> Result<(), DropReason> {
        let frame = MulticastFrame::parse(self.packet.payload).ok_or(DropReason::Malformed)?;
        self.accepted();
        if self.call.lan.network.config.multicast_limit == 0 {
            return Err(DropReason::Multicast);
        }
        self.spend((frame.mac, frame.adi))?;
        let mut outcome = Ok(());
        if frame.data.len() > MAX_MULTICAST {
            outcome = Err(DropReason::Mtu);
        } else if !frame.data.is_empty() {
            let source = self.check_multicast(&frame)?;
            outcome = self.multicast_data(&frame, source);
        }
        let gathers = frame.gather_limit > 0 && !self.judged;
        if gathers && self.may_gather((frame.mac, frame.adi)) && self.affords() {
            let (arrival, network) = (self.packet.arrival, self.call.lan.network.id);
            let MulticastFrame { mac, adi, gather_limit: limit, .. } = frame;
            self.call.punt(Punt::Gather { arrival, network, mac, adi, limit });
        }
        outcome
    }

    /// The MAC it is from. Fails where not even the gathering is answered.
    fn check_multicast(&self, frame: &MulticastFrame<'_>) -> Result<u64, DropReason> {
        let source = frame.source.unwrap_or(self.sender_mac());
        if !ethernet::is_multicast(frame.mac) {
            return Err(DropReason::Multicast);
        }
        let own = self.call.lan.network.mac;
        if source == 0 || ethernet::is_multicast(source) || source == own {
            return Err(DropReason::SourceMac);
        }
        if source != self.sender_mac() {
            self.learn_bridged(source)?;
        }
        Ok(source)
    }

    fn multicast_data(
        &mut self,
        frame: &MulticastFrame<'_>,
        source: u64,
    ) -> Result<(), DropReason> {
        let header = Header { destination: frame.mac, source, ethertype: frame.ethertype };
        if frame.replicate && self.call.lan.network.config.replicates && !self.judged {
            self.replicate(header, frame.data);
        }
        let passage = self.judge(header, frame.data)?;
        self.pass(&passage, header, frame.data)
    }

    /// A multicast frame, out of the budget of its sender.
    fn spend(&self, group: GroupId) -> Result<(), DropReason> {
        let Call { lan, now, .. } = &self.call;
        let (sender, allowance) = (self.packet.arrival.source, lan.network.config.receive_budget);
        let fits = self.judged || lan.common.may_receive(sender, group, allowance, *now);
        if fits { Ok(()) } else { Err(DropReason::ReceiveBudget) }
    }

    /// Whether the engines have time for what the frame asks.
    fn affords(&mut self) -> bool {
        self.call.vl1.affords(self.packet.arrival.source, Asks::Frame, self.call.now)
    }

    fn may_gather(&self, group: GroupId) -> bool {
        self.call.lan.common.may_gather(self.packet.arrival.source, group, self.call.now)
    }

    /// Send it on to the members of its group, only after its source MAC was checked: what replicators send
    /// passes for what bridges send.
    fn replicate(&mut self, header: Header, payload: &[u8]) {
        let member = self.packet.arrival.source;
        let origin = Origin::Member(member);
        match (Egress { call: self.call.lend(), header, payload, origin }).replicate(member) {
            Ok(()) => {}
            Err(Held::Drop(reason)) => self.call.vl1.discard(reason),
            Err(Held::Punt(_)) if !self.affords() => {}
            Err(Held::Punt(reason)) => {
                Egress { call: self.call.lend(), header, payload, origin }.punt_whole(reason);
            }
        }
    }

    /// The packet proved common membership (02, 4.8).
    fn accepted(&mut self) {
        let (Arrival { path, source, .. }, Call { vl1, now, .. }) =
            (self.packet.arrival, &mut self.call);
        vl1.peers.accepted_frame(source, *now);
        vl1.paths.trust(source, path, *now);
    }

    /// Only an active bridge sends frames of others; remember where they are.
    fn learn_bridged(&self, mac: u64) -> Result<(), DropReason> {
        let (sender, lan) = (self.packet.arrival.source, &self.call.lan);
        if !lan.network.is_bridge(sender) {
            return Err(DropReason::Bridge);
        }
        lan.common.learn_bridge(mac, sender);
        Ok(())
    }

    fn judge(&mut self, header: Header, payload: &[u8]) -> Result<Passage, DropReason> {
        let (own, source) = (self.call.vl1.address, self.packet.arrival.source);
        let (inbound, destination, again) = (true, own, self.judged);
        let frame = Candidate { inbound, own, source, destination, header, payload, again };
        self.call.judge(&frame, source)
    }

    /// Serve the observers; then the frame is for the TAP, unless it is redirected.
    fn pass(
        &mut self,
        passage: &Passage,
        header: Header,
        payload: &[u8],
    ) -> Result<(), DropReason> {
        let redirected = self.call.observe(passage, &INBOUND, header, payload);
        if redirected { Ok(()) } else { self.write(header, payload) }
    }

    fn write(&mut self, header: Header, payload: &[u8]) -> Result<(), DropReason> {
        let Call { vl1, lan, out, .. } = &mut self.call;
        if payload.len() > lan.network.config.mtu {
            return Err(DropReason::Mtu);
        }
        vl1.counters.add(Counter::FramesRx);
        out.frame(lan.network.id, header, payload);
        Ok(())
    }

    const fn sender_mac(&self) -> u64 {
        ethernet::mac_of(self.packet.arrival.source, self.call.lan.network.id)
    }
}
