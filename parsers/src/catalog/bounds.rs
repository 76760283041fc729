//! What a catalog file of somebody's own may be, before anything is made of it.
//!
//! A file that ships is known; one that came from elsewhere must not decide how much memory or time it takes to refuse.

use saphyr_parser::{Event, Parser};

use super::CatalogError;

/// Bytes of a file at most; the longest that ships has a twentieth of it.
const MAX_BYTES: usize = 1 << 20;

/// Names and values of a file at most: what refers to what is looked up one by one.
const MAX_VALUES: usize = 20_000;

/// Lists and mappings inside each other at most.
const MAX_DEPTH: usize = 32;

/// Refuses a file that would become much more than its text, or a tree that no stack has room for.
pub(super) fn bounded(file: &str, text: &str) -> Result<(), CatalogError> {
    let refuse = |reason: String| CatalogError::Yaml {
        file: file.to_owned(),
        reason,
    };
    if text.len() > MAX_BYTES {
        return Err(refuse(format!("it is longer than {MAX_BYTES} bytes")));
    }
    let (mut depth, mut values) = (0, 0);
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| refuse(error.to_string()))?;
        let place = || format!("at line {} column {}", span.start.line(), span.start.col() + 1);
        match event {
            Event::SequenceStart(..) | Event::MappingStart(..) => depth += 1,
            Event::SequenceEnd | Event::MappingEnd => depth -= 1,
            Event::Scalar(..) => values += 1,
            Event::Alias(_) => {
                return Err(refuse(format!(
                    "{}: `*alias` is not taken here, write it out",
                    place()
                )));
            }
            _ => {}
        }
        if values > MAX_VALUES {
            return Err(refuse(format!(
                "{}: more than {MAX_VALUES} names and values",
                place()
            )));
        }
        if depth > MAX_DEPTH {
            return Err(refuse(format!("{}: nested more than {MAX_DEPTH} deep", place())));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    fn refused(text: &str) -> String {
        Catalog::of_file("mine.yaml", text)
            .expect_err("too much")
            .to_string()
    }

    #[test]
    fn deep_long_and_growing_files_are_refused_at_once() {
        let deep = format!("dataset: a.b\ntitle:\n{}x\n", "- ".repeat(200_000));
        assert!(
            refused(&deep).contains("at line 3 column 63: nested more than 32 deep"),
            "{}",
            refused(&deep)
        );
        let flow = format!("dataset: {}", "[".repeat(200_000));
        assert!(refused(&flow).contains("mine.yaml"));
        let keys = format!("{}a: b\n", "? ".repeat(200_000));
        assert!(refused(&keys).contains("nested more than 32 deep"));
        let long = format!("dataset: a.b\ntitle: {}\n", "x".repeat(MAX_BYTES));
        assert!(refused(&long).contains("longer than"));
        let many = format!("dataset: a.b\nplain: [{}]\n", "x, ".repeat(MAX_VALUES));
        assert!(
            refused(&many).contains("more than 20000 names"),
            "{}",
            refused(&many)
        );
        let alias = "dataset: a.b\ntitle: &t x\ngroups: [*t, *t]\n";
        assert!(
            refused(alias).contains("at line 3 column 10: `*alias` is not taken"),
            "{}",
            refused(alias)
        );
        assert!(Catalog::of_file("mine.yaml", "dataset: a.b\ntitle: &t x\n").is_ok());
    }

    #[test]
    fn patterns_that_grow_are_refused() {
        let file = |patterns: &str| format!("dataset: a.b\nlines:\n  patterns: [{patterns}]\n");
        assert!(refused(&file("'(?:(?:x{1000}){1000}){1000}'")).contains("cannot be used"));
        // Each is small enough.
        let many = vec![r"'\w{60}a'"; 100].join(", ");
        assert!(
            refused(&file(&many)).contains("is one too many"),
            "{}",
            refused(&file(&many))
        );
        assert!(Catalog::of_file("mine.yaml", &file(r"'\w{60}a'")).is_ok());
    }
}
