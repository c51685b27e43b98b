//! The evaluation of one table, strictly from left to right (03, 6.3).

use super::matches::{Outcome, Subject};
use super::table::{Action, Rule, RuleTable};
use super::{Context, Frame};

/// What a table decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It ended, or broke off, without a decision.
    NoMatch,
    /// The frame is dropped.
    Drop,
    /// The frame goes to this node instead.
    Redirect(u64),
    /// The frame is accepted.
    Accept,
    /// Accepted without the usual checks of its addresses: it is for us to observe.
    SuperAccept,
}

/// A copy for an observer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copy {
    /// The observer.
    pub to: u64,
    /// Bytes of the payload it gets.
    pub length: usize,
    /// It is asked to acknowledge.
    pub watch: bool,
}

/// What a table decides, and whom it lets watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// The decision.
    pub verdict: Verdict,
    /// The last copy asked for, to be sent if the frame is accepted after all.
    pub copy: Option<Copy>,
}

/// Evaluate a table. `random` is drawn from for each random match that is reached.
pub fn evaluate(
    table: &RuleTable,
    frame: &Frame<'_>,
    context: &Context<'_>,
    mut random: impl FnMut() -> u32,
) -> Evaluation {
    let subject = Subject { frame, context, super_accept: false };
    let mut run = Run { subject, state: true, skip_drop: false, copy: None };
    for rule in &table.rules {
        match rule {
            Rule::Match { not, or, test } => {
                run.join(*not, *or, |subject| subject.test(test, &mut random));
            }
            Rule::Action(action) => {
                if let Some(verdict) = run.act(*action) {
                    return Evaluation { verdict, copy: run.copy };
                }
            }
        }
    }
    Evaluation { verdict: Verdict::NoMatch, copy: run.copy }
}

/// An evaluation under way.
struct Run<'a> {
    subject: Subject<'a>,
    /// Whether the matches of this set hold so far.
    state: bool,
    /// A lenient match held: the next DROP is passed by (03, 6.5).
    skip_drop: bool,
    copy: Option<Copy>,
}

impl Run<'_> {
    /// Join one more match to the set; it is not even looked at where it cannot change anything.
    fn join(&mut self, not: bool, or: bool, test: impl FnOnce(&Subject<'_>) -> Outcome) {
        if !self.state && !or {
            return;
        }
        let holds = match test(&self.subject) {
            Outcome::Plain(holds) => holds != not,
            Outcome::Forced(holds) => holds,
            Outcome::Lenient => {
                self.skip_drop = true;
                true
            }
        };
        self.state = if or { self.state | holds } else { self.state & holds };
    }

    /// End a set: act if it holds. Either way the next set starts true.
    fn act(&mut self, action: Action) -> Option<Verdict> {
        if !self.state {
            self.state = true;
            self.subject.super_accept |=
                self.is_inbound() && action.recipient() == Some(self.own());
            return None;
        }
        match action {
            Action::Drop if self.skip_drop => {
                self.skip_drop = false;
                None
            }
            Action::Drop => Some(Verdict::Drop),
            Action::Accept if self.subject.super_accept => Some(Verdict::SuperAccept),
            Action::Accept | Action::Priority => Some(Verdict::Accept),
            Action::Break => Some(Verdict::NoMatch),
            Action::Copy { to, .. } | Action::Redirect { to } => self.observe(action, to),
            Action::Unknown => None,
        }
    }

    /// TEE, WATCH and REDIRECT: nothing for the ends of the frame, acceptance where we are the observer.
    fn observe(&mut self, action: Action, to: u64) -> Option<Verdict> {
        let frame = self.subject.frame;
        if to == frame.source {
            return None;
        }
        if to == frame.own {
            return frame.inbound.then_some(Verdict::SuperAccept);
        }
        if to == frame.destination {
            return None;
        }
        let Action::Copy { length, watch, .. } = action else { return Some(Verdict::Redirect(to)) };
        let whole = frame.payload.len();
        let length = if length == 0 { whole } else { length.min(whole) };
        self.copy = Some(Copy { to, length, watch });
        None
    }

    fn is_inbound(&self) -> bool {
        self.subject.frame.inbound
    }

    fn own(&self) -> u64 {
        self.subject.frame.own
    }
}
