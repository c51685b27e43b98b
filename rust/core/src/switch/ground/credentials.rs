//! What the rules may ask of a node.

use crate::rules::{Credentials, RuleTable};

/// What the controller says of a node on a network, as far as it is valid now (03, 4.10).
#[derive(Clone, Debug, Default)]
pub struct NodeCredentials {
    /// Its tags, and what it owns.
    pub owned: Credentials,
    /// The tables of its capabilities, by ascending ID.
    pub capabilities: Vec<RuleTable>,
}

impl NodeCredentials {
    pub(in crate::switch) fn is_empty(&self) -> bool {
        self.owned.is_empty() && self.capabilities.is_empty()
    }
}
