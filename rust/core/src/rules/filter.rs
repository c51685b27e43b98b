//! Base rules, then capabilities (03, 6.7).

use super::dress::{self, Undressed};
use super::evaluate::{Copy, Evaluation, Run, Verdict};
use super::frame::{Context, Frame};
use super::matches::Subject;
use super::table::RuleTable;

/// What a frame was dropped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// This entry of the base rules, from 0: it dropped the frame, or broke off, and then no capability of the
    /// sender accepted it.
    Rule(u32),
    /// A capability of the sender that was asked because the base rules decided nothing.
    Capability,
    /// No rule: the base rules came to their end, and no capability of the sender accepted it.
    NoRule,
    /// It wears more headers than are looked through.
    Wraps,
}

/// What happens to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filtered {
    /// It is dropped, and nobody gets a copy.
    Dropped(Refusal),
    /// It goes on.
    Accepted {
        /// Without the usual checks of its addresses.
        unchecked: bool,
        /// Another node gets it instead: send it there, and drop it here.
        redirect: Option<u64>,
        /// Copies to send, in this order.
        copies: [Option<Copy>; 2],
    },
}

/// Judge a frame by a network's base rules and, where these decide nothing, by the capabilities of its
/// sender in the order given: our own for a frame of ours, the peer's for one that came in.
///
/// What wears more than stock nodes look through is judged once more without (see [`super::dress`]); chance
/// is drawn anew for that. It passes if both judgements let it pass.
pub fn filter<'a>(
    base: &RuleTable,
    capabilities: impl IntoIterator<Item = &'a RuleTable> + Clone,
    frame: &Frame<'_>,
    context: &Context<'_>,
    mut random: impl FnMut() -> u32,
) -> Filtered {
    let subject = Subject::new(frame, context);
    if dress::is_plain(frame) {
        return decide(base, capabilities, subject, random);
    }
    let outside = decide(base, capabilities.clone(), subject, &mut random);
    match Undressed::of(frame) {
        Some(undressed) => {
            let subject = Subject::in_earnest(frame, context, &undressed);
            outside.and(decide(base, capabilities, subject, random))
        }
        None => outside.and(Filtered::Dropped(Refusal::Wraps)),
    }
}

fn decide<'a>(
    base: &RuleTable,
    capabilities: impl IntoIterator<Item = &'a RuleTable>,
    mut subject: Subject<'_>,
    mut random: impl FnMut() -> u32,
) -> Filtered {
    let mut evaluate = |table: &RuleTable| Run::new(&mut subject).over(table, &mut random);
    let first = evaluate(base);
    match first.verdict {
        Verdict::Drop => Filtered::Dropped(Refusal::by(first)),
        Verdict::NoMatch => {
            let mut refusal = Refusal::by(first);
            for capability in capabilities.into_iter().map(evaluate) {
                match capability.verdict {
                    Verdict::NoMatch => {}
                    Verdict::Drop => refusal = Refusal::Capability,
                    _ => return accepted(capability, [capability.copy, first.copy]),
                }
            }
            Filtered::Dropped(refusal)
        }
        _ => accepted(first, [first.copy, None]),
    }
}

impl Refusal {
    /// By the base rules.
    fn by(evaluation: Evaluation) -> Self {
        evaluation.rule.map_or(Self::NoRule, Self::Rule)
    }
}

impl Filtered {
    /// What lets no more pass than either. Observers miss nothing that one of them is meant to see.
    fn and(self, other: Self) -> Self {
        let Self::Accepted { unchecked, redirect, copies } = self else { return self };
        let Self::Accepted { unchecked: or_unchecked, redirect: or_redirect, copies: or_copies } =
            other
        else {
            return other;
        };
        let has_copy = copies.iter().any(Option::is_some);
        Self::Accepted {
            unchecked: unchecked || or_unchecked,
            redirect: redirect.or(or_redirect),
            copies: if has_copy { copies } else { or_copies },
        }
    }
}

fn accepted(evaluation: Evaluation, copies: [Option<Copy>; 2]) -> Filtered {
    let redirect = match evaluation.verdict {
        Verdict::Redirect(to) => Some(to),
        _ => None,
    };
    Filtered::Accepted { unchecked: evaluation.verdict == Verdict::SuperAccept, redirect, copies }
}
