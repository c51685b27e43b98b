//! Base rules, then capabilities (03, 6.7).

use super::evaluate::{Copy, Evaluation, Run, Verdict};
use super::matches::Subject;
use super::table::RuleTable;
use super::{Context, Frame};

/// What happens to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filtered {
    /// It is dropped, and nobody gets a copy.
    Dropped,
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
pub fn filter<'a>(
    base: &RuleTable,
    capabilities: impl IntoIterator<Item = &'a RuleTable>,
    frame: &Frame<'_>,
    context: &Context<'_>,
    mut random: impl FnMut() -> u32,
) -> Filtered {
    let mut subject = Subject::new(frame, context);
    let mut evaluate = |table: &RuleTable| Run::new(&mut subject).over(table, &mut random);
    let first = evaluate(base);
    match first.verdict {
        Verdict::Drop => Filtered::Dropped,
        Verdict::NoMatch => capabilities
            .into_iter()
            .map(evaluate)
            .find(|capability| !matches!(capability.verdict, Verdict::Drop | Verdict::NoMatch))
            .map_or(Filtered::Dropped, |capability| {
                accepted(capability, [capability.copy, first.copy])
            }),
        _ => accepted(first, [first.copy, None]),
    }
}

fn accepted(evaluation: Evaluation, copies: [Option<Copy>; 2]) -> Filtered {
    let redirect = match evaluation.verdict {
        Verdict::Redirect(to) => Some(to),
        _ => None,
    };
    Filtered::Accepted { unchecked: evaluation.verdict == Verdict::SuperAccept, redirect, copies }
}
