//! The rules engine: what a network's tables decide about each frame (03, 6).
//!
//! | module | owns |
//! |---|---|
//! | [`table`] | rule tables, read once from their wire form (03, 6.1) |
//! | [`evaluate`] | the left-to-right evaluation of one table (03, 6.3) |
//! | [`matches`] | what each match compares (03, 6.4-6.6) |
//! | [`frame`] | what is judged, and who is at its ends |
//! | [`ip`] | where things stand in an IP packet (03, 6.2) |
//! | [`dress`] | frames that hosts take for other than stock nodes see, which are judged twice |
//! | [`fragments`] | where things stand in a packet that comes in fragments |
//! | [`claims`] | whom a frame says it is from, and what it tells neighbours |
//! | [`filter`] | base rules, then capabilities (03, 6.7) |
//! | [`recent`] | what was decided about flows, so that long tables cost each of them once |
//!
//! A table is a list of sets: matches, then one action that is taken if they hold. Matches are combined
//! strictly from left to right; a match that can say nothing about a frame is *forced*: it counts as it
//! is, and NOT does not turn it.

mod claims;
mod dress;
mod evaluate;
mod filter;
mod fragments;
mod frame;
mod ip;
mod matches;
mod recent;
mod table;

pub use evaluate::{Copy, Evaluation, Verdict, evaluate, evaluate_in_earnest};
pub use filter::{Filtered, Refusal, filter};
pub use frame::{Context, Credentials, Frame};
pub use recent::Recent;
pub use table::{Malformed, RuleTable};
