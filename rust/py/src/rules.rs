//! The rules engine, one frame at a time (03, 6).

use std::net::IpAddr;

use earthline_core::rules::{
    Context, Copy, Credentials, Evaluation, Filtered, Frame, RuleTable, Verdict, evaluate,
    evaluate_in_earnest, filter,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// A frame as rules see it: any object with these attributes.
#[derive(FromPyObject)]
struct RuleFrame {
    inbound: bool,
    own: u64,
    source: u64,
    destination: u64,
    source_mac: u64,
    destination_mac: u64,
    ethertype: u16,
    vlan: u16,
    payload: Vec<u8>,
    own_credentials: RuleCredentials,
    other_credentials: RuleCredentials,
    unknown_match: bool,
    emulated: Vec<Vec<u8>>,
}

/// Tags, IP addresses and MACs of a node.
type RuleCredentials = (Vec<(u32, u32)>, Vec<Vec<u8>>, Vec<u64>);

/// (observer, bytes, whether to acknowledge)
type CopyTuple = (u64, usize, bool);

fn credentials((tags, ips, macs): &RuleCredentials) -> PyResult<Credentials> {
    let ips = ips.iter().map(|ip| address(ip)).collect::<PyResult<_>>()?;
    Ok(Credentials::new(tags.clone(), ips, macs.clone()))
}

fn address(ip: &[u8]) -> PyResult<IpAddr> {
    let v4 = <[u8; 4]>::try_from(ip).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(ip).map(IpAddr::from))
        .map_err(|_| PyValueError::new_err("an IP address has 4 or 16 bytes"))
}

fn table(blob: &[u8]) -> PyResult<RuleTable> {
    RuleTable::parse(blob).map_err(|_| PyValueError::new_err("malformed rule table"))
}

/// Lend the frame and its context to a judge.
fn judge<T>(frame: &RuleFrame, judge: impl FnOnce(&Frame<'_>, &Context<'_>) -> T) -> PyResult<T> {
    let own = credentials(&frame.own_credentials)?;
    let other = credentials(&frame.other_credentials)?;
    let context = Context {
        own: &own,
        other: &other,
        unknown_match: frame.unknown_match,
        emulated: &frame.emulated,
    };
    let frame = Frame {
        inbound: frame.inbound,
        own: frame.own,
        source: frame.source,
        destination: frame.destination,
        source_mac: frame.source_mac,
        destination_mac: frame.destination_mac,
        ethertype: frame.ethertype,
        vlan: frame.vlan,
        payload: &frame.payload,
    };
    Ok(judge(&frame, &context))
}

fn copy_tuple(copy: Copy) -> CopyTuple {
    (copy.to, copy.length, copy.watch)
}

/// Verdict, destination, copy.
type EvaluationTuple = (&'static str, u64, Option<CopyTuple>);

fn evaluation_tuple(evaluation: &Evaluation, frame: &RuleFrame) -> EvaluationTuple {
    let (verdict, destination) = match evaluation.verdict {
        Verdict::NoMatch => ("no_match", frame.destination),
        Verdict::Drop => ("drop", frame.destination),
        Verdict::Redirect(to) => ("redirect", to),
        Verdict::Accept => ("accept", frame.destination),
        Verdict::SuperAccept => ("super_accept", frame.destination),
    };
    (verdict, destination, evaluation.copy.map(copy_tuple))
}

#[pyfunction]
fn evaluate_rules(
    rules: &[u8],
    frame: &Bound<'_, PyAny>,
    random: u32,
) -> PyResult<EvaluationTuple> {
    let table = table(rules)?;
    let frame: RuleFrame = frame.extract()?;
    let evaluation = judge(&frame, |frame, context| evaluate(&table, frame, context, || random))?;
    Ok(evaluation_tuple(&evaluation, &frame))
}

#[pyfunction]
fn evaluate_rules_in_earnest(
    rules: &[u8],
    frame: &Bound<'_, PyAny>,
    random: u32,
) -> PyResult<Option<EvaluationTuple>> {
    let table = table(rules)?;
    let frame: RuleFrame = frame.extract()?;
    let evaluation =
        judge(&frame, |frame, context| evaluate_in_earnest(&table, frame, context, || random))?;
    Ok(evaluation.map(|evaluation| evaluation_tuple(&evaluation, &frame)))
}

#[pyfunction]
fn filter_frame(
    rules: &[u8],
    capabilities: &Bound<'_, PyAny>,
    frame: &Bound<'_, PyAny>,
    random: u32,
) -> PyResult<(u8, Option<u64>, Vec<CopyTuple>)> {
    let base = table(rules)?;
    let frame: RuleFrame = frame.extract()?;
    let capabilities: Vec<Vec<u8>> = capabilities.extract()?;
    let tables = capabilities.iter().map(|blob| table(blob)).collect::<PyResult<Vec<_>>>()?;
    let filtered =
        judge(&frame, |frame, context| filter(&base, &tables, frame, context, || random))?;
    Ok(match filtered {
        Filtered::Dropped(_) => (0, None, Vec::new()),
        Filtered::Accepted { unchecked, redirect, copies } => {
            let copies = copies.into_iter().flatten().map(copy_tuple).collect();
            (if unchecked { 2 } else { 1 }, redirect, copies)
        }
    })
}

/// Add these functions to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(evaluate_rules, module)?)?;
    module.add_function(wrap_pyfunction!(evaluate_rules_in_earnest, module)?)?;
    module.add_function(wrap_pyfunction!(filter_frame, module)?)
}
