//! What may be done once in a period.

/// Whether something that may be done once in a period may be done now; it is then.
pub(in crate::switch) fn is_due(last_at: &mut Option<u64>, period_ms: u64, now: u64) -> bool {
    let due = last_at.is_none_or(|at| now.saturating_sub(at) >= period_ms);
    if due {
        *last_at = Some(now);
    }
    due
}
