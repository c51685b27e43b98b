//! A rule table of a controller and a frame of anybody.
//!
//! The input is the length of the base table (2 bytes), that table, and all else as `arbitrary` reads it.

#![no_main]

use std::net::IpAddr;

use arbitrary::{Arbitrary, Unstructured};
use earthline_core::rules::{
    Context, Credentials, Filtered, Frame, RuleTable, Verdict, evaluate, evaluate_in_earnest,
    filter,
};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Input {
    capabilities: Vec<Vec<u8>>,
    inbound: bool,
    own: u64,
    source: u64,
    destination: u64,
    source_mac: u64,
    destination_mac: u64,
    ethertype: u16,
    vlan: u16,
    payload: Vec<u8>,
    own_tags: Vec<(u32, u32)>,
    other_tags: Vec<(u32, u32)>,
    ips: Vec<IpAddr>,
    macs: Vec<u64>,
    unknown_match: bool,
    emulated: Vec<Vec<u8>>,
    random: u32,
}

fuzz_target!(|bytes: &[u8]| {
    let Some((length, rest)) = bytes.split_first_chunk() else { return };
    let (table, rest) = rest.split_at(usize::from(u16::from_be_bytes(*length)).min(rest.len()));
    let Ok(base) = RuleTable::parse(table) else { return };
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(rest)) else { return };
    let capabilities: Vec<RuleTable> =
        input.capabilities.iter().filter_map(|table| RuleTable::parse(table).ok()).collect();
    let frame = Frame {
        inbound: input.inbound,
        own: input.own,
        source: input.source,
        destination: input.destination,
        source_mac: input.source_mac,
        destination_mac: input.destination_mac,
        ethertype: input.ethertype,
        vlan: input.vlan,
        payload: &input.payload,
    };
    let own = Credentials::new(input.own_tags, Vec::new(), Vec::new());
    let other = Credentials::new(input.other_tags, input.ips, input.macs);
    let context = Context {
        own: &own,
        other: &other,
        unknown_match: input.unknown_match,
        emulated: &input.emulated,
    };
    let random = || input.random;
    let verdict = evaluate(&base, &frame, &context, random).verdict;
    let earnest = evaluate_in_earnest(&base, &frame, &context, random).map(|found| found.verdict);
    let filtered = filter(&base, &capabilities, &frame, &context, random);
    // What the base rules drop in any dress stays dropped, whatever capabilities say.
    if verdict == Verdict::Drop || earnest == Some(Verdict::Drop) {
        assert!(matches!(filtered, Filtered::Dropped { .. }));
    }
    // And where they accept in every dress, capabilities are not asked.
    if matches!(verdict, Verdict::Accept) && matches!(earnest, None | Some(Verdict::Accept)) {
        assert!(matches!(filtered, Filtered::Accepted { .. }));
    }
});
