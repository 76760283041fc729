//! The self-contained HTML report.

use std::time::Duration;

use crate::alert::Alert;

/// What the report says of the run.
#[derive(Debug, Clone, Default)]
pub struct ReportMeta {
    /// Events read.
    pub events: u64,
    /// Inputs read.
    pub sources: u64,
    /// Rules that ran.
    pub rules: u64,
    /// Alerts raised; the report may hold fewer.
    pub alerts_total: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// Renders the report.
pub fn render(title: &str, alerts: &[Alert], meta: &ReportMeta) -> String {
    format!("{title}: {} of {} alerts", alerts.len(), meta.alerts_total)
}
