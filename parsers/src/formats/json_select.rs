//! Which dataset a JSON event is of, by its keys.

use std::sync::Arc;

use super::json::find;
use super::tape::Json;
use crate::catalog::{Catalog, Dataset};

/// Datasets that are looked at for one event: real ones have far fewer whose rarest key they have.
const MOST_CANDIDATES: usize = 64;

/// Datasets that are recognised by keys. Of each set of keys one (that fewest sets have) is looked up by the keys
/// of an event, so that what an event costs does not grow with the number of datasets.
pub(super) struct ByKeys {
    datasets: Vec<Arc<Dataset>>,
    /// Key, or its part before the first dot → datasets.
    anchors: hashbrown::HashMap<String, Vec<usize>>,
}

impl ByKeys {
    pub(super) fn new(catalog: &Catalog) -> Self {
        let datasets = catalog.datasets().to_vec();
        let sets = || {
            datasets.iter().enumerate().flat_map(|(index, dataset)| {
                let select = &dataset.select;
                let sets = std::iter::once(&select.json_keys).chain(&select.json_any);
                sets.map(move |set| (index, set))
            })
        };
        let name = |key: &str| key.split('=').next().unwrap_or_default().to_owned();
        let mut uses = hashbrown::HashMap::<String, usize>::new();
        for key in sets().flat_map(|(_, set)| set) {
            *uses.entry(name(key)).or_default() += 1;
        }
        let mut anchors = hashbrown::HashMap::<String, Vec<usize>>::new();
        for (index, set) in sets() {
            let Some(rarest) = set.iter().map(|key| name(key)).min_by_key(|key| uses[key]) else {
                continue;
            };
            if let Some((head, _)) = rarest.split_once('.') {
                anchors.entry(head.to_owned()).or_default().push(index);
            }
            anchors.entry(rarest).or_default().push(index);
        }
        ByKeys { datasets, anchors }
    }

    /// The dataset most of whose keys an event has, all of a set; of equals, the first of the catalog.
    pub(super) fn of(&self, json: Json<'_>) -> Option<&Arc<Dataset>> {
        let mut candidates: Vec<usize> = Vec::new();
        'members: for (key, _) in json.members() {
            for &index in self.anchors.get(key).into_iter().flatten() {
                if candidates.len() == MOST_CANDIDATES {
                    break 'members;
                }
                if !candidates.contains(&index) {
                    candidates.push(index);
                }
            }
        }
        candidates.sort_unstable();
        let mut best: Option<(usize, &Arc<Dataset>)> = None;
        for dataset in candidates.into_iter().map(|index| &self.datasets[index]) {
            let keys = dataset.select.matches_json(
                |key| find(json, key).is_some(),
                |key, text| {
                    let value = find(json, key).and_then(Json::text);
                    value.is_some_and(|value| says(value, text))
                },
            );
            if let Some(keys) = keys
                && best.is_none_or(|(most, _)| keys > most)
            {
                best = Some((keys, dataset));
            }
        }
        best.map(|(_, dataset)| dataset)
    }
}

/// Whether a value is `text`, or starts as it does if that ends in `*`. Compared without case.
fn says(value: &str, text: &str) -> bool {
    match text.strip_suffix('*') {
        Some(start) => value
            .get(..start.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(start)),
        None => value.to_lowercase() == text.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::tape::TapeParser;

    /// The dataset of a document.
    fn dataset_of(document: &str) -> Option<String> {
        let by_keys = ByKeys::new(&Catalog::builtin());
        let found = TapeParser::new().parse(document.as_bytes(), |json| {
            by_keys.of(json).map(|dataset| dataset.name.to_string())
        });
        found.expect("a document")
    }

    #[test]
    fn a_key_that_comes_often_costs_no_memory() {
        let finding =
            r#""schemaVersion":"2.0","accountId":"1","type":"x","service":{"detectorId":"d"},"severity":2"#;
        let many = format!("{{{finding}{}}}", r#","accountId":"2""#.repeat(100_000));
        assert_eq!(dataset_of(&many), dataset_of(&format!("{{{finding}}}")));
    }

    #[test]
    fn the_keys_of_all_datasets_at_once_are_bounded() {
        let by_keys = ByKeys::new(&Catalog::builtin());
        let keys: Vec<String> = by_keys.anchors.keys().map(|key| format!("{key:?}:1")).collect();
        assert!(by_keys.datasets.len() > MOST_CANDIDATES);
        // Whatever it is taken for, it is answered.
        dataset_of(&format!("{{{}}}", keys.join(",")));
    }
}
