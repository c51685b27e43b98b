//! What many may fill and what holds no more than so much: nobody is refused, and who holds most makes room.
//!
//! A table that refuses when it is full belongs to whoever fills it first, and one that forgets its oldest
//! entry to whoever fills it fastest. Here each thing is held by somebody, and what goes is the oldest of who
//! holds most: who floods pushes out nothing but what is its own. Holders are only as good as what tells them
//! apart: those that cost an attacker nothing, such as forged addresses, should share one.
//!
//! | module | what it is |
//! |---|---|
//! | [`table`] | entries by their keys |
//! | [`shares`] | things and their holders, which both are made of |
//! | [`queue`] | what waits, and is taken of each holder in turn |

mod lists;
mod queue;
mod shares;
mod table;

pub(crate) use queue::{Bounds, FairQueue};
pub(crate) use table::FairTable;
