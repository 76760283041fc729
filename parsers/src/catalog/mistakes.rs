//! Mistakes in catalog files that their shape alone does not show, in words for the files' authors.

use super::shape::DatasetFile;
use super::yaml;
use super::{Dataset, Resolution, nearest};

/// Tables of this name are something else in SQL.
const TAKEN: &[&str] = &["alerts", "events", "matches"];

/// What `serde` says of a word that it does not know, with the nearest one that it does.
pub(super) fn of_shape(reason: &str) -> String {
    let mut quoted = reason.split('`').skip(1).step_by(2);
    let (Some(unknown), true) = (quoted.next(), reason.starts_with("unknown ")) else {
        return reason.to_owned();
    };
    let known: Vec<&str> = quoted.collect();
    let said = reason.split(", expected").next().unwrap_or(reason);
    match nearest(unknown, known.iter().copied()) {
        Some(near) => format!("{said}; did you mean `{near}`?"),
        None if known.is_empty() => reason.to_owned(),
        None => format!("{said}; there are {}", known.join(", ")),
    }
}

/// Whether a dataset may have this name, from which that of its table is made.
pub(super) fn of_name(name: &str) -> Result<(), String> {
    let is_part = |part: &str| {
        let bytes = || part.bytes();
        !part.is_empty() && bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.split('.').all(is_part) {
        return Err(format!(
            "`{name}` is no name of a dataset: write words of small letters, digits and `_` with points between them, as in acme.door"
        ));
    }
    match TAKEN.contains(&name.replace('.', "_").as_str()) {
        true => Err(format!(
            "`{name}` would be the table {name}, which is something else"
        )),
        false => Ok(()),
    }
}

/// Whether everything that a shape of a sentence opens is closed, and every capture has a name.
pub(super) fn of_sentence(shape: &str) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("the shape `{shape}` {what}"));
    if !shape.is_ascii() {
        return wrong("has characters that are not ASCII");
    }
    let mut rest = shape.bytes();
    let mut open = 0_usize;
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' if rest.next().is_none() => {
                return wrong("ends with a backslash, which takes the character behind it");
            }
            b'[' => open += 1,
            // Where nothing is open, it is a character like any other.
            b']' => open -= usize::from(open > 0),
            b'{' => {
                let inside: Vec<u8> = rest.by_ref().take_while(|byte| *byte != b'}').collect();
                let name = String::from_utf8_lossy(&inside);
                let closed =
                    shape.len() > rest.len() && shape.as_bytes()[shape.len() - rest.len() - 1] == b'}';
                if !closed || name.contains('{') {
                    return wrong("has a `{` that nothing closes");
                }
                if name.trim_start_matches(['=', '#', '@', '>']).len() < 2 {
                    return wrong("has a capture without a name: write {name} or {=name}");
                }
            }
            _ => {}
        }
    }
    match open {
        0 => Ok(()),
        _ => wrong("has a `[` that nothing closes"),
    }
}

/// Names by which a file means fields of its own dataset, and where.
pub(super) fn mentioned(content: &DatasetFile) -> Vec<(&'static str, String)> {
    let entries = |entries: &[super::shape::FillFile], what| {
        let names = entries.iter().flat_map(|entry| entry.from.iter().cloned());
        names.map(|name| (what, name)).collect::<Vec<_>>()
    };
    let mut all = entries(&content.fill, "fill");
    all.extend(entries(&content.show, "show"));
    for entry in &content.sigma {
        all.extend(entry.when.keys().map(|name| ("when", name.clone())));
        all.extend(entry.names.values().map(|name| ("names", name.clone())));
    }
    all.extend(
        content
            .sentences
            .iter()
            .map(|entry| ("sentences", entry.from.clone())),
    );
    all
}

/// Which of those names are probably slips of the pen: nothing is called so, and something is called nearly so, or the
/// file says all names that there are.
pub(super) fn of_names(
    dataset: &Dataset,
    mentioned: &[(&str, String)],
    file: &str,
    text: &str,
) -> Vec<String> {
    let lines = &dataset.lines;
    let captured: Vec<&str> = lines
        .patterns
        .iter()
        .flat_map(|pattern| &pattern.fields)
        .map(String::as_str)
        .collect();
    let says_all = !lines.is_empty() && lines.pairs.is_none() && dataset.pairs.is_none();
    let mut told = Vec::new();
    for (what, name) in mentioned {
        let known = !matches!(dataset.resolve(name, None), Resolution::Undeclared(_));
        if known || name.contains('[') || captured.iter().any(|field| field.eq_ignore_ascii_case(name)) {
            continue;
        }
        let below = |field: &str| field.len() > name.len() && field.starts_with(name.as_str());
        if dataset.fields.iter().any(|field| below(&field.native)) {
            continue;
        }
        let near = nearest(name, captured.iter().copied().chain(dataset.nearest(name)));
        let hint = match near {
            Some(near) => format!("; did you mean `{near}`?"),
            None if says_all => String::new(),
            None => continue,
        };
        let place = match yaml::place_of(&format!("`{name}`"), text) {
            Some((line, column)) => format!("{file}:{line}:{column}"),
            None => file.to_owned(),
        };
        told.push(format!(
            "{place}: `{name}` in `{what}` is no field of {}{hint}",
            dataset.name
        ));
    }
    told
}

#[cfg(test)]
mod tests {
    use crate::catalog::Catalog;

    const FILE: &str = "dataset: acme.door
title: Doors
prefix: acme.
fields:
  - {native: badge, column: user.name}
fill:
  - {column: event.action, from: [badge]}
sentences:
  - from: message
    shapes: ['door {#gate} opened[ by {>who}]']
";

    #[track_caller]
    fn refused(old: &str, new: &str) -> String {
        assert!(FILE.contains(old), "{old}");
        let error = Catalog::of_file("mine.yaml", &FILE.replacen(old, new, 1)).expect_err(new);
        error.to_string()
    }

    #[test]
    fn unknown_words_come_with_the_nearest() {
        assert_eq!(
            refused("fields:", "feilds:"),
            "mine.yaml:4:1: unknown field `feilds`; did you mean `fields`?"
        );
        assert_eq!(
            refused("from: [badge]", "form: [badge]"),
            "mine.yaml:7:28: unknown field `form`; did you mean `from`?"
        );
        let error = refused("title: Doors", "select: {colour: red}");
        assert!(
            error.starts_with("mine.yaml:2:10: unknown field `colour`; there are channels,"),
            "{error}"
        );
        let error = refused("column: user.name", "column: user.name, type: integr");
        assert!(
            error.contains("unknown variant `integr`; did you mean `integer`?"),
            "{error}"
        );
        let error = refused("from: [badge]", "from: [badge], take: file_nam");
        assert!(error.contains("did you mean `file_name`?"), "{error}");
    }

    #[test]
    fn names_of_datasets() {
        for name in [
            "Acme.door",
            "acme door",
            "acme-door",
            "acme..door",
            "acme.",
            "1acme",
            "'acme;drop'",
            "''",
            "alerts",
        ] {
            let error = refused("acme.door", name);
            assert!(
                error.starts_with("mine.yaml:1:") || name == "''",
                "{name}: {error}"
            );
            assert!(
                error.contains("is no name of a dataset") || name == "alerts",
                "{error}"
            );
        }
    }

    #[test]
    fn shapes_are_closed() {
        for (shape, what) in [
            ("door {#gate opened", "has a `{` that nothing closes"),
            ("door {#gate} opened[ by {>who}", "has a `[` that nothing closes"),
            ("door {} opened", "without a name"),
            ("door {x} opened", "without a name"),
            ("door {#gate} opened\\", "ends with a backslash"),
            ("door {a{bc} opened", "has a `{` that nothing closes"),
        ] {
            let error = refused("door {#gate} opened[ by {>who}]", shape);
            assert!(
                error.starts_with("mine.yaml:10:15: ") && error.contains(what),
                "{shape}: {error}"
            );
        }
        Catalog::of_file(
            "mine.yaml",
            &FILE.replace("door {#gate}", "\\[door\\] \\{ {#gate}"),
        )
        .expect("escaped");
    }

    #[test]
    fn patterns_are_closed_and_known() {
        let file = |pattern: &str| format!("dataset: acme.x\nlines:\n  patterns: ['{pattern}']\n");
        let refused = |pattern: &str| {
            Catalog::of_file("mine.yaml", &file(pattern))
                .expect_err(pattern)
                .to_string()
        };
        let error = refused("a %{WORD:x b");
        assert!(
            error.starts_with("mine.yaml:3:15: `a %{WORD:x b` has a `%{` that nothing closes"),
            "{error}"
        );
        assert!(refused("a %{WROD:x}").contains("there is no pattern `WROD`; did you mean `WORD`?"));
        assert!(refused("a (?<x b").contains("is not closed"));
    }

    #[test]
    fn names_that_mean_no_field_are_warned_about() {
        let warnings = |old: &str, new: &str| {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("mine.yaml");
            std::fs::write(&path, FILE.replacen(old, new, 1)).expect("a file");
            let catalog = Catalog::with_dir(folder.path()).expect("no error");
            catalog.warnings().to_vec()
        };
        assert_eq!(warnings("Doors", "Gates"), [""; 0]);
        let told = warnings("from: [badge]", "from: [bagde]");
        assert_eq!(told.len(), 1);
        assert!(
            told[0].ends_with(
                "mine.yaml:7:35: `bagde` in `fill` is no field of acme.door; did you mean `badge`?"
            ),
            "{told:?}"
        );
        // A field that nobody declared is one all the same.
        assert_eq!(warnings("from: [badge]", "from: [colour]"), [""; 0]);
        // Where patterns say all fields, it is none.
        let lines = "lines: {patterns: ['%{WORD:badge} %{WORD:gate}']}\nfill:\n  - {column: event.kind, from: [colour, gate]}";
        let told = warnings("fill:", lines);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].ends_with("mine.yaml:8:33: `colour` in `fill` is no field of acme.door"),
            "{told:?}"
        );
        assert!(Catalog::builtin().warnings().is_empty());
    }
}
