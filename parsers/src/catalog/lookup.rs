//! Questions to the whole catalog: who serves a log source, and what did somebody mean by a name.

use std::sync::Arc;

use super::{Catalog, Dataset, Selector, ServedLogSource};

/// Below this Jaro-Winkler similarity a name is another name and no slip of the pen.
const NEAR: f64 = 0.85;

/// The candidate nearest to `name`, if one is near enough to be what was meant. Compared without case.
///
/// ```
/// use borzoi_parsers::catalog::nearest;
/// assert_eq!(nearest("ComandLine", ["Image", "CommandLine"]), Some("CommandLine"));
/// assert_eq!(nearest("Colour", ["Image", "CommandLine"]), None);
/// ```
pub fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let folded = name.to_lowercase();
    let mut best: Option<(f64, &'c str)> = None;
    for candidate in candidates {
        let likeness = strsim::jaro_winkler(&folded, &candidate.to_lowercase());
        if likeness >= NEAR && best.is_none_or(|(most, _)| likeness > most) {
            best = Some((likeness, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

impl ServedLogSource {
    /// Whether a rule with these attributes is meant for this log source: every attribute that the rule
    /// names equals the entry's, without regard to case.
    pub fn takes(&self, product: Option<&str>, category: Option<&str>, service: Option<&str>) -> bool {
        let same = |asked: Option<&str>, offered: &Option<String>| match (asked, offered) {
            (None, _) => true,
            (Some(asked), Some(offered)) => asked.to_lowercase() == offered.to_lowercase(),
            (Some(_), None) => false,
        };
        same(product, &self.product) && same(category, &self.category) && same(service, &self.service)
    }
}

impl Selector {
    /// Whether a JSON object is of the dataset by its keys, and by how many: of several datasets the one
    /// with most is meant. `has` says whether there is a value under a key, `says` whether it has this text.
    pub fn matches_json(
        &self,
        has: impl Fn(&str) -> bool,
        says: impl Fn(&str, &str) -> bool,
    ) -> Option<usize> {
        let all = |keys: &[String]| {
            let holds = |key: &String| match key.split_once('=') {
                Some((key, value)) => says(key, value),
                None => has(key),
            };
            !keys.is_empty() && keys.iter().all(holds)
        };
        let values_hold = || {
            self.json_values
                .iter()
                .all(|(key, values)| values.iter().any(|value| says(key, value)))
        };
        let by_keys = (all(&self.json_keys) && values_hold()).then_some(self.json_keys.len());
        let by_any = self.json_any.iter().filter(|keys| all(keys)).map(Vec::len).max();
        by_keys.max(by_any)
    }
}

impl Dataset {
    /// The declared name (native, other spelling or dotted column) nearest to `name`.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        let names = self.fields.iter().flat_map(|field| {
            std::iter::once(&field.native)
                .chain(&field.also)
                .chain(std::iter::once(&field.column.dotted))
                .map(|name| &**name)
        });
        nearest(name, names)
    }

    /// Name of the dataset's table in SQL.
    pub fn table(&self) -> String {
        self.name.replace('.', "_")
    }
}

impl Catalog {
    /// The datasets that a rule with this log source runs on, each with the served entries that match;
    /// an event belongs to the log source if it satisfies the `when` of any of them. An empty list of
    /// entries stands for every event of the dataset: that is so for a rule that names a product alone
    /// (every dataset that serves the product) or nothing (every dataset).
    ///
    /// Nobody serves the log source: the answer is empty.
    ///
    /// ```
    /// use borzoi_parsers::catalog::Catalog;
    /// let catalog = Catalog::builtin();
    /// let served = catalog.datasets_for(Some("windows"), Some("process_creation"), None);
    /// let names: Vec<&str> = served.iter().map(|(dataset, _)| &*dataset.name).collect();
    /// assert_eq!(names, ["windows.security", "windows.sysmon"]);
    /// assert!(catalog.datasets_for(Some("plan9"), None, None).is_empty());
    /// ```
    pub fn datasets_for(
        &self,
        product: Option<&str>,
        category: Option<&str>,
        service: Option<&str>,
    ) -> Vec<(Arc<Dataset>, Vec<&ServedLogSource>)> {
        let whole = category.is_none() && service.is_none();
        let mut found = Vec::new();
        for dataset in self.datasets() {
            let entries: Vec<&ServedLogSource> = dataset
                .sigma
                .iter()
                .filter(|entry| entry.takes(product, category, service))
                .collect();
            if whole && (product.is_none() || !entries.is_empty()) {
                found.push((dataset.clone(), Vec::new()));
            } else if !whole && !entries.is_empty() {
                found.push((dataset.clone(), entries));
            }
        }
        found
    }

    /// The dataset whose name is nearest to `name`.
    pub fn nearest_dataset(&self, name: &str) -> Option<&str> {
        nearest(name, self.datasets().iter().map(|dataset| &*dataset.name))
    }
}
