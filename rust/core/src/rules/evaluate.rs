//! The evaluation of one table, strictly from left to right (03, 6.3).

use super::dress::{self, Undressed};
use super::frame::{Context, Frame};
use super::matches::{Outcome, Subject};
use super::table::{Action, Rule, RuleTable, Test};

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
    /// The entry of the table that made it, from 0; `None` where none did.
    pub rule: Option<u32>,
    /// The last copy asked for, to be sent if the frame is accepted after all.
    pub copy: Option<Copy>,
}

/// Evaluate a table for the frame as stock nodes see it. `random` is drawn from for each random match that is
/// reached.
pub fn evaluate(
    table: &RuleTable,
    frame: &Frame<'_>,
    context: &Context<'_>,
    mut random: impl FnMut() -> u32,
) -> Evaluation {
    Run::new(&mut Subject::new(frame, context)).over(table, &mut random)
}

/// Evaluate a table in earnest, as [`super::filter()`] does a second time; `None` where that is not needed.
pub fn evaluate_in_earnest(
    table: &RuleTable,
    frame: &Frame<'_>,
    context: &Context<'_>,
    mut random: impl FnMut() -> u32,
) -> Option<Evaluation> {
    if dress::is_plain(frame) {
        return None;
    }
    let Some(undressed) = Undressed::of(frame) else {
        return Some(Evaluation { verdict: Verdict::Drop, rule: None, copy: None });
    };
    let mut subject = Subject::in_earnest(frame, context, &undressed);
    Some(Run::new(&mut subject).over(table, &mut random))
}

/// An evaluation under way.
pub(super) struct Run<'a, 'b> {
    subject: &'b mut Subject<'a>,
    /// Whether the matches of this set hold so far.
    state: bool,
    /// A lenient match held: the next DROP is passed by (03, 6.5).
    skip_drop: bool,
    copy: Option<Copy>,
}

impl<'a, 'b> Run<'a, 'b> {
    pub(super) fn new(subject: &'b mut Subject<'a>) -> Self {
        subject.super_accept = false;
        Self { subject, state: true, skip_drop: false, copy: None }
    }

    pub(super) fn over(
        mut self,
        table: &RuleTable,
        random: &mut impl FnMut() -> u32,
    ) -> Evaluation {
        let mut at = 0;
        while let Some(rule) = table.rules.get(at) {
            at += 1;
            match rule {
                Rule::Match { not, or, cut, refuses, test } => {
                    let holds = self.holds(*not, *refuses, test, random);
                    self.state = holds || *or && self.state;
                    if !self.state {
                        (at, self.state) = (cut.to as usize, cut.fresh);
                    }
                }
                Rule::Action(action) => {
                    if let Some(verdict) = self.act(*action) {
                        let rule = Some(at as u32 - 1);
                        return Evaluation { verdict, rule, copy: self.copy };
                    }
                }
            }
        }
        Evaluation { verdict: Verdict::NoMatch, rule: None, copy: self.copy }
    }

    /// A match that was reached: no earlier one of its set has made it pointless.
    #[inline]
    fn holds(
        &mut self,
        not: bool,
        refuses: bool,
        test: &Test,
        random: &mut impl FnMut() -> u32,
    ) -> bool {
        match self.subject.test(test, random) {
            Outcome::Plain(holds) => holds != not,
            Outcome::Forced(holds) => holds,
            Outcome::Hidden => refuses,
            Outcome::Lenient => {
                self.skip_drop = true;
                true
            }
        }
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
        let length = if length == 0 { whole } else { usize::from(length).min(whole) };
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
