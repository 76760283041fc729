//! Where the results of a scan go.

use std::io;

use borzoi_parsers::batch::EventBatch;
use borzoi_parsers::frame::RejectRecord;
use borzoi_parsers::input::InputError;

use crate::alert::Alert;

/// Where results go. All methods are called on the thread that runs the scan.
pub trait ScanSink {
    /// An alert, in order.
    ///
    /// # Errors
    /// Whatever keeps the alert from being delivered; it ends the scan.
    fn alert(&mut self, alert: &Alert) -> io::Result<()>;

    /// An alert that was handed over before, by [`ScanSink::alert`], and is over now: the same id, and what it counted in
    /// the end. Only correlations on an input without an end alert before they are over.
    ///
    /// # Errors
    /// As for [`ScanSink::alert`].
    fn update(&mut self, _alert: &Alert) -> io::Result<()> {
        Ok(())
    }

    /// Whether [`ScanSink::events`] is to see every event. Where it need not, events that no rule matches may be
    /// passed over without being matched, and without being decoded if nothing is stored; they are counted all the
    /// same.
    fn wants_events(&self) -> bool {
        true
    }

    /// The events of a block, before their alerts.
    ///
    /// # Errors
    /// As for [`ScanSink::alert`].
    fn events(&mut self, _batches: &[EventBatch]) -> io::Result<()> {
        Ok(())
    }

    /// A record that became no event.
    ///
    /// # Errors
    /// As for [`ScanSink::alert`].
    fn reject(&mut self, _reject: &RejectRecord) -> io::Result<()> {
        Ok(())
    }

    /// An input that could not be read, or not to its end.
    fn input_error(&mut self, _error: &InputError) {}

    /// Called after every block and every 100 ms without one: the time to flush and to draw progress.
    ///
    /// # Errors
    /// As for [`ScanSink::alert`].
    fn progress(&mut self, _progress: &Progress) -> io::Result<()> {
        Ok(())
    }
}

/// Alerts into a vector: for embedding and for tests.
impl ScanSink for Vec<Alert> {
    fn alert(&mut self, alert: &Alert) -> io::Result<()> {
        self.push(alert.clone());
        Ok(())
    }

    fn wants_events(&self) -> bool {
        false
    }
}

/// Where a scan stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Bytes read from the inputs as they lie on disk.
    pub raw_bytes: u64,
    /// Events so far.
    pub events: u64,
    /// Alerts so far.
    pub alerts: u64,
    /// Rejects so far.
    pub rejects: u64,
}
