//! The state of a network that the twins of a switch share: what one twin learns and another needs, and rate
//! limits that hold for all twins together. Established unicast between two nodes' own MACs touches none of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use crate::fair::FairTable;
use crate::switch::ground::budget::{Allowance, Budget};
use crate::switch::ground::due::is_due;
use crate::switch::ground::group::GroupId;
use crate::switch::ground::tables::Keyed;

/// MACs behind bridges that a network remembers.
const MAX_BRIDGED: usize = 65_536;

/// Senders whose credentials a network asks for at a time.
const MAX_ASKED: usize = 4096;
/// The credentials of one sender are asked for this often, in ms.
const ASK_MS: u64 = 1000;

/// Pairs of a sender and a group for which it is known when a gathering was last answered.
const MAX_GATHERS: usize = 4096;
/// Members of a group are gathered for one sender this often, in ms: it asks in each of its frames.
const GATHER_MS: u64 = 1000;

/// Of one network.
pub(in crate::switch) struct Common {
    /// The bridge each foreign MAC was last seen behind, held by that bridge.
    bridged: RwLock<FairTable<u64, u64, u64>>,
    limits: Mutex<Limits>,
}

struct Limits {
    /// When the credentials of a sender that the rules refuse were last asked for.
    asked: FairTable<u64, u64, Option<u64>>,
    /// When each member last had the members of each group gathered; held by the member that asks.
    gathers: FairTable<(u64, GroupId), u64, Option<u64>>,
    /// What our own multicast frames may cost.
    sending: Budget,
    /// What those of the members may.
    receiving: Budget,
}

impl Common {
    fn new(keyed: &Keyed) -> Self {
        let limits = Limits {
            asked: FairTable::new(MAX_ASKED, keyed),
            gathers: FairTable::new(MAX_GATHERS, keyed),
            sending: Budget::new(keyed),
            receiving: Budget::new(keyed),
        };
        let bridged = RwLock::new(FairTable::new(MAX_BRIDGED, keyed));
        Self { bridged, limits: Mutex::new(limits) }
    }

    /// The bridge that a foreign MAC was last seen behind.
    pub(in crate::switch) fn bridge_of(&self, mac: u64) -> Option<u64> {
        self.bridged.read().unwrap_or_else(PoisonError::into_inner).get(&mac).copied()
    }

    /// A foreign MAC was seen behind a bridge.
    pub(in crate::switch) fn learn_bridge(&self, mac: u64, bridge: u64) {
        if self.bridge_of(mac) != Some(bridge) {
            let mut bridged = self.bridged.write().unwrap_or_else(PoisonError::into_inner);
            bridged.put(mac, bridge, bridge);
        }
    }

    /// Whether to ask now for the credentials of a sender: once a second.
    pub(in crate::switch) fn may_ask(&self, sender: u64, now: u64) -> bool {
        is_due(self.limits().asked.renewed(sender, sender), ASK_MS, now)
    }

    /// Whether to gather members of a group for a sender now: once a second. It keeps a flood of frames that
    /// ask for members from being one of questions.
    pub(in crate::switch) fn may_gather(&self, sender: u64, group: GroupId, now: u64) -> bool {
        is_due(self.limits().gathers.renewed((sender, group), sender), GATHER_MS, now)
    }

    /// Whether we may send one more multicast frame.
    pub(in crate::switch) fn may_send(
        &self,
        own: u64,
        group: GroupId,
        to: Allowance,
        now: u64,
    ) -> bool {
        to.is_unlimited() || self.limits().sending.take(own, group, to, now)
    }

    /// Whether a member may have sent one more multicast frame.
    pub(in crate::switch) fn may_receive(
        &self,
        sender: u64,
        group: GroupId,
        to: Allowance,
        now: u64,
    ) -> bool {
        to.is_unlimited() || self.limits().receiving.take(sender, group, to, now)
    }

    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the twins of a switch find what they share.
#[derive(Clone, Default)]
pub(in crate::switch) struct Commons(Arc<Mutex<HashMap<u64, Weak<Common>>>>);

impl Commons {
    /// What is shared of a network, as long as any twin has it.
    pub(in crate::switch) fn of(&self, network: u64, keyed: &Keyed) -> Arc<Common> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(common) = known.get(&network).and_then(Weak::upgrade) {
            return common;
        }
        known.retain(|_, common| common.strong_count() > 0);
        let common = Arc::new(Common::new(keyed));
        known.insert(network, Arc::downgrade(&common));
        common
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HONEST: u64 = 1;
    const FLOOD: u64 = 2;

    fn common() -> Common {
        Common::new(&Keyed::new(&[7; 32]))
    }

    #[test]
    fn bridge_that_shows_macs_without_end_pushes_out_its_own() {
        let common = common();
        (0..100).for_each(|mac| common.learn_bridge(mac, HONEST));
        (1000..1000 + 2 * MAX_BRIDGED as u64).for_each(|mac| common.learn_bridge(mac, FLOOD));
        assert!((0..100).all(|mac| common.bridge_of(mac) == Some(HONEST)));
        common.learn_bridge(100, HONEST);
        assert_eq!(common.bridge_of(100), Some(HONEST));
        assert_eq!(common.bridge_of(1000), None);
    }

    #[test]
    fn member_that_gathers_for_ever_new_groups_forgets_its_own_alone() {
        let common = common();
        assert!(common.may_gather(HONEST, (1, 0), 5000));
        assert!((0..10_000).all(|adi| common.may_gather(FLOOD, (1, adi), 5000)));
        assert!(!common.may_gather(HONEST, (1, 0), 5001));
        assert!(common.may_gather(HONEST, (2, 0), 5001));
        assert!(common.may_gather(FLOOD, (1, 0), 5001), "its oldest");
    }
}
