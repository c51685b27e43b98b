//! How many multicast frames a network carries: token buckets on both sides (06, 6.2).
//!
//! Each member has a bucket for each group it sends to, and one for all groups together, so that a flood
//! of one member in one group takes nothing from other groups and other members.

use crate::fair::FairTable;
use crate::switch::ground::group::GroupId;
use crate::switch::ground::tables::Keyed;

/// Buckets of (member, group) that are remembered; a forgotten one is full again.
const MAX_GROUPS: usize = 4096;
/// Members that are remembered.
const MAX_MEMBERS: usize = 4096;
/// All groups together get this many times what one gets.
const ALL_GROUPS: u32 = 4;
/// What a frame costs: buckets count thousandths, since times are in ms and rates per second.
const FRAME: u64 = 1000;

/// A rate, with room for bursts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Frames per second; 0: any number.
    pub rate: u32,
    /// Frames at once after a silence.
    pub burst: u32,
}

impl Allowance {
    pub(in crate::switch) const fn is_unlimited(self) -> bool {
        self.rate == 0
    }

    const fn of_all_groups(self) -> Self {
        let (rate, burst) = (self.rate, self.burst);
        Self { rate: rate.saturating_mul(ALL_GROUPS), burst: burst.saturating_mul(ALL_GROUPS) }
    }
}

/// What was spent and has not been regained yet.
#[derive(Default)]
pub(crate) struct Bucket {
    spent: u64,
    at: u64,
}

impl Bucket {
    /// Whether there is enough left for a frame, or whatever else is counted, that costs as much as `price` do.
    pub(crate) fn take(&mut self, allowance: Allowance, price: u32, now: u64) -> bool {
        let cost = FRAME * u64::from(price);
        // Twins that share a bucket take the time once for each batch: one may be a little behind another.
        let regained = now.saturating_sub(self.at).saturating_mul(allowance.rate.into());
        self.spent = self.spent.saturating_sub(regained);
        self.at = self.at.max(now);
        let fits = self.spent + cost <= u64::from(allowance.burst) * FRAME;
        if fits {
            self.spent += cost;
        }
        fits
    }
}

/// The buckets of one network for one direction, held by the members.
pub(in crate::switch) struct Budget {
    groups: FairTable<(u64, GroupId), u64, Bucket>,
    members: FairTable<u64, u64, Bucket>,
}

impl Budget {
    pub(in crate::switch) fn new(keyed: &Keyed) -> Self {
        Self {
            groups: FairTable::new(MAX_GROUPS, keyed),
            members: FairTable::new(MAX_MEMBERS, keyed),
        }
    }

    /// Whether this member may send one more frame to this group.
    pub(in crate::switch) fn take(
        &mut self,
        member: u64,
        group: GroupId,
        allowance: Allowance,
        now: u64,
    ) -> bool {
        allowance.is_unlimited()
            || self.groups.renewed((member, group), member).take(allowance, 1, now)
                && self.members.renewed(member, member).take(allowance.of_all_groups(), 1, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: Allowance = Allowance { rate: 10, burst: 2 };

    fn taken(budget: &mut Budget, member: u64, group: GroupId, now: u64) -> usize {
        (0..100).filter(|_| budget.take(member, group, ALLOWED, now)).count()
    }

    #[test]
    fn bucket_holds_a_burst_and_refills_at_its_rate() {
        let mut budget = Budget::new(&Keyed::new(&[7; 32]));
        assert_eq!(taken(&mut budget, 1, (1, 0), 5000), 2);
        assert_eq!(taken(&mut budget, 1, (1, 0), 5099), 0);
        assert_eq!(taken(&mut budget, 1, (1, 0), 5100), 1);
        assert_eq!(taken(&mut budget, 1, (1, 0), 60_000), 2);
    }

    #[test]
    fn lanes_whose_times_differ_regain_nothing_twice() {
        let mut budget = Budget::new(&Keyed::new(&[7; 32]));
        let allowed = Allowance { rate: 500, burst: 2 };
        let times = [5002, 5000].into_iter().cycle().take(1000);
        assert_eq!(times.filter(|now| budget.take(1, (1, 0), allowed, *now)).count(), 2);
    }

    #[test]
    fn flood_takes_nothing_from_other_groups_and_members() {
        let mut budget = Budget::new(&Keyed::new(&[7; 32]));
        assert_eq!(taken(&mut budget, 1, (1, 0), 5000), 2);
        assert_eq!(taken(&mut budget, 1, (2, 0), 5000), 2);
        assert_eq!(taken(&mut budget, 2, (1, 0), 5000), 2);
    }

    #[test]
    fn many_groups_share_four_times_the_budget_of_one() {
        let mut budget = Budget::new(&Keyed::new(&[7; 32]));
        let all: usize = (0..1000).map(|adi| taken(&mut budget, 1, (9, adi), 5000)).sum();
        assert_eq!(all, 8);
    }

    #[test]
    fn member_of_ever_new_groups_gives_nobody_its_budget_back() {
        let mut budget = Budget::new(&Keyed::new(&[7; 32]));
        assert_eq!(taken(&mut budget, 1, (1, 0), 5000), 2);
        (0..2 * MAX_GROUPS as u32).for_each(|adi| _ = budget.take(2, (1, adi), ALLOWED, 5000));
        assert_eq!(taken(&mut budget, 1, (1, 0), 5000), 0);
        assert_eq!(taken(&mut budget, 3, (1, 0), 5000), 2);
    }

    #[test]
    fn no_rate_is_no_limit() {
        let mut budget = Budget::new(&Keyed::new(&[7; 32]));
        let free = Allowance::default();
        assert!((0..100_000).all(|_| budget.take(1, (1, 0), free, 0)));
    }
}
