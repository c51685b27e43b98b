//! What the switch knows of each network: its settings, its members, its groups.

use std::sync::Arc;

use crate::ethernet;
use crate::rules::Context;
use crate::switch::ground::budget::Allowance;
use crate::switch::ground::counters::DropReason;
use crate::switch::ground::credentials::NodeCredentials;
use crate::switch::ground::due::is_due;
use crate::switch::ground::group::{Group, GroupId};
use crate::switch::ground::tables::{Keyed, Map, Table};
use crate::switch::networks::common::Common;
use crate::switch::networks::filter::{Candidate, Filter, Passage};

/// A member whose copy of our credentials is old is reported this often, in ms.
const PUSH_DUE_MS: u64 = 1000;

/// What the switch needs of a network's configuration (03, 3).
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "flags of the wire")]
pub struct NetworkConfig {
    /// Longest frame payload.
    pub mtu: usize,
    /// Everybody passes the gate.
    pub public: bool,
    /// Broadcasts other than ARP requests are sent.
    pub broadcast: bool,
    /// Neighbour solicitations that may be answered here are punted (03, 8.8).
    pub emulate_neighbours: bool,
    /// Multicast frames are compressed.
    pub compress_multicast: bool,
    /// 0: no multicast at all.
    pub multicast_limit: u32,
    /// Active bridges, which may include ourselves.
    pub bridges: Vec<u64>,
    /// The base rules' table (03, 6.1).
    pub rules: Vec<u8>,
    /// What a match gives that the rules engine does not know: flag 0x08.
    pub unknown_match: bool,
    /// First bytes of the addresses that neighbour emulation vouches for (03, 6.4).
    pub emulated: Vec<Vec<u8>>,
    /// Our own credentials.
    pub credentials: NodeCredentials,
    /// We replicate multicast frames for members that ask us to (03, 8.6).
    pub replicates: bool,
    /// Multicast frames of our own, for each group.
    pub send_budget: Allowance,
    /// Multicast frames of each member, for each group.
    pub receive_budget: Allowance,
}

/// A network whose configuration is installed.
pub(in crate::switch) struct Network {
    pub(in crate::switch) id: u64,
    pub(in crate::switch) config: NetworkConfig,
    /// Our own MAC on it.
    pub(in crate::switch) mac: u64,
    /// Whether we are an active bridge ourselves.
    pub(in crate::switch) we_bridge: bool,
    pub(in crate::switch) filter: Filter,
}

impl Network {
    pub(in crate::switch) fn new(id: u64, own: u64, mut config: NetworkConfig) -> Self {
        config.bridges.sort_unstable();
        let filter = Filter::compile(&config.rules);
        let we_bridge = config.bridges.binary_search(&own).is_ok();
        Self { id, mac: ethernet::mac_of(own, id), we_bridge, filter, config }
    }

    /// Take over from what was installed before.
    pub(in crate::switch) fn succeed(&mut self, before: Self) {
        if self.config.rules == before.config.rules {
            self.filter.resume(before.filter);
        }
    }

    /// What the rules say of a frame from or to `other`.
    pub(in crate::switch) fn judge(
        &self,
        frame: &Candidate<'_>,
        other: &NodeCredentials,
        random: impl FnMut() -> u32,
    ) -> Result<Passage, DropReason> {
        let NetworkConfig { credentials: own, unknown_match, emulated, .. } = &self.config;
        let (unknown_match, sender) = (*unknown_match, if frame.inbound { other } else { own });
        let context = Context { own: &own.owned, other: &other.owned, unknown_match, emulated };
        self.filter.judge(frame, &context, &sender.capabilities, random)
    }

    pub(in crate::switch) fn is_bridge(&self, address: u64) -> bool {
        self.config.bridges.binary_search(&address).is_ok()
    }
}

/// A member of a network, as far as frames from and to it are concerned.
#[derive(Default)]
pub(in crate::switch) struct Member {
    /// Its frames pass our gate.
    pub(in crate::switch) admitted: bool,
    /// It holds our credentials.
    pub(in crate::switch) ready: bool,
    /// From then on they are old.
    pub(in crate::switch) push_due_at: u64,
    /// What its controller says of it; most members have none, and many entries are written at a time.
    credentials: Option<Box<NodeCredentials>>,
    reported_at: Option<u64>,
}

impl Member {
    /// Whether to report now that it needs our credentials: at most once a second.
    pub(in crate::switch) fn is_push_due(&mut self, now: u64) -> bool {
        let wanted = !self.ready || now >= self.push_due_at;
        wanted && is_due(&mut self.reported_at, PUSH_DUE_MS, now)
    }
}

/// All about one network. Members may be known before its configuration is.
pub(in crate::switch) struct NetworkTables {
    pub(in crate::switch) installed: Option<Network>,
    pub(in crate::switch) members: Table<u64, Member>,
    pub(in crate::switch) groups: Map<GroupId, Group>,
    /// The credentials of those we know nothing of.
    pub(in crate::switch) nobody: NodeCredentials,
    /// What the twins of this switch share.
    pub(in crate::switch) common: Arc<Common>,
}

/// A network whose configuration is installed, with what is known of those on it.
pub(in crate::switch) struct Lan<'a> {
    pub(in crate::switch) network: &'a Network,
    pub(in crate::switch) members: &'a mut Table<u64, Member>,
    pub(in crate::switch) groups: &'a Map<GroupId, Group>,
    pub(in crate::switch) nobody: &'a NodeCredentials,
    pub(in crate::switch) common: &'a Common,
}

impl Lan<'_> {
    /// The same for a while.
    pub(in crate::switch) const fn lend(&mut self) -> Lan<'_> {
        let Self { network, members, groups, nobody, common } = self;
        Lan { network, members, groups, nobody, common }
    }

    /// What its controller says of a node.
    pub(in crate::switch) fn credentials_of(&self, address: u64) -> &NodeCredentials {
        let member = self.members.get(&address);
        member.and_then(|member| member.credentials.as_deref()).unwrap_or(self.nobody)
    }
}

impl NetworkTables {
    pub(in crate::switch) fn new(keyed: &Keyed, common: Arc<Common>) -> Self {
        Self {
            installed: None,
            members: keyed.table(),
            groups: keyed.map(),
            nobody: NodeCredentials::default(),
            common,
        }
    }

    /// All of it, if its configuration is installed.
    pub(in crate::switch) fn lan(&mut self) -> Option<Lan<'_>> {
        let Self { installed, members, groups, nobody, common } = self;
        Some(Lan { network: installed.as_ref()?, members, groups, nobody, common })
    }

    /// Whether to ask now for the credentials of a sender that the rules refuse: once a second, and only
    /// while it is known by none.
    pub(in crate::switch) fn is_worth_asking(&self, sender: u64, now: u64) -> bool {
        let credentials =
            self.members.get(&sender).and_then(|member| member.credentials.as_deref());
        let is_known = credentials.is_some_and(|credentials| !credentials.is_empty());
        !is_known && self.common.may_ask(sender, now)
    }

    pub(in crate::switch) fn set_member(
        &mut self,
        address: u64,
        admitted: bool,
        ready: bool,
        push_due_at: u64,
    ) {
        let member = self.members.get_or_default(address);
        (member.admitted, member.ready, member.push_due_at) = (admitted, ready, push_due_at);
    }

    pub(in crate::switch) fn set_member_credentials(
        &mut self,
        address: u64,
        credentials: NodeCredentials,
    ) {
        self.members.get_or_default(address).credentials = Some(Box::new(credentials));
        self.forget_decisions();
    }

    pub(in crate::switch) fn remove_member(&mut self, address: u64) {
        self.members.remove(&address);
        self.forget_decisions();
    }

    fn forget_decisions(&mut self) {
        if let Some(network) = &mut self.installed {
            network.filter.forget_decisions();
        }
    }

    pub(in crate::switch) fn is_admitted(&self, address: u64) -> bool {
        self.installed.as_ref().is_some_and(|network| network.config.public)
            || self.members.get(&address).is_some_and(|member| member.admitted)
    }
}
