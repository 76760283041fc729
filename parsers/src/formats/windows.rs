//! What all renderings of Windows events share: which dataset an event belongs to.
//!
//! The vocabulary that decoders speak to the catalog is that of the event's XML: `EventData` names as they
//! are; parts of `System` with a `System_` in front where a dataset could have event data of that name
//! (`System_EventID`, `System_Channel`, `System_Version` …), attributes as `Element_Attribute`
//! (`System_Provider_Name`, `Execution_ProcessID`, `Security_UserID`, `Correlation_ActivityID`).
//!
//! The dataset is that of the channel; for an event without one (or of an unknown one), that of the
//! provider; for all others `windows.eventlog`.

use std::sync::Arc;

use hashbrown::HashMap;

use super::Reject;
use crate::batch::same_text;
use crate::catalog::{Catalog, Dataset};

/// Finds the dataset of a channel and provider.
pub(super) struct WindowsDatasets {
    channels: HashMap<String, Arc<Dataset>>,
    providers: HashMap<String, Arc<Dataset>>,
    fallback: Option<Arc<Dataset>>,
    /// Channel and provider as they were spelled last, and the answer: neighbours mostly share it.
    last: (String, String, Option<Arc<Dataset>>),
}

impl WindowsDatasets {
    pub(super) fn new(catalog: &Catalog) -> Self {
        let mut channels = HashMap::new();
        let mut providers = HashMap::new();
        for dataset in catalog.datasets() {
            for channel in &dataset.select.channels {
                channels
                    .entry(channel.to_lowercase())
                    .or_insert_with(|| dataset.clone());
            }
            for provider in &dataset.select.providers {
                providers
                    .entry(provider.to_lowercase())
                    .or_insert_with(|| dataset.clone());
            }
        }
        WindowsDatasets {
            channels,
            providers,
            fallback: catalog.dataset("windows.eventlog").cloned(),
            last: Default::default(),
        }
    }

    /// The dataset of an event; empty text stands for an unknown channel or provider.
    ///
    /// # Errors
    ///
    /// `no_dataset` if a catalog without `windows.eventlog` has nothing for it.
    pub(super) fn of(&mut self, channel: &str, provider: &str) -> Result<Arc<Dataset>, Reject> {
        self.find(channel, provider).cloned()
    }

    /// As [`of`](WindowsDatasets::of), to look at.
    #[inline]
    pub(super) fn find(&mut self, channel: &str, provider: &str) -> Result<&Arc<Dataset>, Reject> {
        let (last_channel, last_provider, dataset) = &self.last;
        let same = |one: &str, other: &str| same_text(one.as_bytes(), other.as_bytes());
        let known = dataset.is_some() && same(last_channel, channel) && same(last_provider, provider);
        if !known {
            let found = self
                .channels
                .get(&channel.to_lowercase())
                .or_else(|| self.providers.get(&provider.to_lowercase()))
                .or(self.fallback.as_ref());
            self.last = (channel.to_owned(), provider.to_owned(), found.cloned());
        }
        self.last.2.as_ref().ok_or_else(|| {
            Reject::new(
                "no_dataset",
                format!("the catalog has no dataset for the channel `{channel}`"),
            )
        })
    }
}
