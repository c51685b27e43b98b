//! What a process gives up: capabilities with the root user, and for good what it never needs.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, configure_capability_in_ambient_set, set_capabilities,
    set_keep_capabilities, set_no_new_privs,
};

/// For TAP devices, addresses, routes and sockets bound to a device: children such as `resolvectl` have
/// them too.
const NETWORK: [CapabilitySet; 2] = [CapabilitySet::NET_ADMIN, CapabilitySet::NET_RAW];

/// From now on a change of the user leaves the permitted capabilities of this thread as they are.
pub fn keep_capabilities() -> io::Result<()> {
    Ok(set_keep_capabilities(true)?)
}

/// Drop all capabilities of this thread but those for network devices and low ports. Threads that are
/// started later have no more than these.
pub fn narrow_capabilities() -> io::Result<()> {
    let network = NETWORK.into_iter().collect::<CapabilitySet>();
    let all = network | CapabilitySet::NET_BIND_SERVICE;
    let sets = CapabilitySets { effective: all, permitted: all, inheritable: network };
    set_capabilities(None, sets)?;
    for capability in NETWORK {
        configure_capability_in_ambient_set(capability, true)?;
    }
    Ok(set_keep_capabilities(false)?)
}

/// Of this process, and of what it starts: no program that it executes has more rights than itself, no other
/// process of its user reads its memory, and no core file has it: keys are in there.
pub fn seal_process() -> io::Result<()> {
    set_no_new_privs(true)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?)
}
