//! The field resolver: where rules meet datasets.
//!
//! `borzoi-rules` knows no dataset and `borzoi-parsers` knows no rule; this module answers the two
//! questions between them. *Does a rule apply to a dataset, and to which of its events?* ([`routes`]) and
//! *where does a dataset keep what the rule calls `Image`?* ([`Route::column`], [`FieldKey`]).
//!
//! A log source matches an entry that a dataset serves if every attribute the log source names equals the
//! entry's, without regard to case. The entry's `when` is then a condition on the event. A log source that
//! names a product alone takes every event of every dataset that serves the product; one that names
//! nothing takes everything.
//!
//! A field's values in an event are those of its column and those that the parser put aside in `unmapped`
//! under its name (see [`FieldKey`]): both count, so that a value of the wrong type, a second value or an
//! array is seen by rules like any other.

use std::sync::Arc;

use borzoi_parsers::catalog::{Column, Dataset, Resolution, ServedLogSource};
use borzoi_parsers::names::sql_name;
use borzoi_rules::ir::{Expression, LogSource, Matcher, Part, Pattern};

/// One way in which a rule applies to a dataset.
///
/// *Invariant*: the routes of one rule and dataset differ in `names`.
#[derive(Debug, Clone)]
pub struct Route<'c> {
    /// The served log source whose field names hold; `None` where the rule names a product alone.
    pub served: Option<&'c ServedLogSource>,
    /// What an event must satisfy to belong to the log source, in native field names (resolve them with
    /// [`Dataset::resolve`] and no log source).
    pub when: Expression,
}

impl Route<'_> {
    /// What the rule means by `name`.
    pub fn resolve(&self, dataset: &Dataset, name: &str) -> Resolution {
        dataset.resolve(name, self.served)
    }

    /// The column of the field that the rule calls `name`.
    pub fn column(&self, dataset: &Dataset, name: &str) -> Column {
        self.resolve(dataset, name).column().clone()
    }
}

/// How `log_source` reaches into `dataset`: the rule matches an event if, for any of the routes, the
/// event satisfies `when` and the rule's conditions hold under the route's names. Empty: it does not apply.
pub fn routes<'c>(log_source: &LogSource, dataset: &'c Dataset) -> Vec<Route<'c>> {
    let everything = Expression::All(Vec::new());
    let LogSource {
        product,
        category,
        service,
    } = log_source;
    if category.is_none() && service.is_none() {
        let served = match product {
            None => true,
            Some(product) => dataset
                .sigma
                .iter()
                .any(|entry| names_same(product, entry.product.as_deref())),
        };
        return served
            .then_some(Route {
                served: None,
                when: everything,
            })
            .into_iter()
            .collect();
    }
    let asked = [product, category, service];
    let mut routes: Vec<Route<'c>> = Vec::new();
    for entry in &dataset.sigma {
        let offered = [&entry.product, &entry.category, &entry.service];
        let applies = asked.iter().zip(offered).all(|(asked, offered)| {
            asked
                .as_deref()
                .is_none_or(|asked| names_same(asked, offered.as_deref()))
        });
        if !applies {
            continue;
        }
        let when = condition_of(entry);
        match routes
            .iter_mut()
            .find(|route| route.served.is_some_and(|served| served.names == entry.names))
        {
            Some(route) => {
                let before = std::mem::replace(&mut route.when, Expression::Any(Vec::new()));
                route.when = either(before, when);
            }
            None => routes.push(Route {
                served: Some(entry),
                when,
            }),
        }
    }
    routes
}

fn names_same(asked: &str, offered: Option<&str>) -> bool {
    let same = |offered: &str| match asked.is_ascii() && offered.is_ascii() {
        true => offered.eq_ignore_ascii_case(asked),
        false => offered.to_lowercase() == asked.to_lowercase(),
    };
    offered.is_some_and(same)
}

fn either(one: Expression, other: Expression) -> Expression {
    let unconditional = |e: &Expression| matches!(e, Expression::All(parts) if parts.is_empty());
    if unconditional(&one) || unconditional(&other) {
        return Expression::All(Vec::new());
    }
    match one {
        Expression::Any(mut parts) => {
            parts.push(other);
            Expression::Any(parts)
        }
        one => Expression::Any(vec![one, other]),
    }
}

/// `when` of a served log source as an expression over native names.
pub fn condition_of(entry: &ServedLogSource) -> Expression {
    Expression::All(
        entry
            .when
            .iter()
            .map(|(field, values)| {
                Expression::Any(
                    values
                        .iter()
                        .map(|value| Expression::Field {
                            name: field.clone(),
                            matcher: Matcher::Pattern(value_or_prefix(value)),
                        })
                        .collect(),
                )
            })
            .collect(),
    )
}

fn value_or_prefix(value: &str) -> Pattern {
    let (text, open) = match value.strip_suffix('*') {
        Some(prefix) => (prefix, true),
        None => (value, false),
    };
    let mut parts = Vec::new();
    if !text.is_empty() {
        parts.push(Part::Literal(text.to_owned()));
    }
    if open {
        parts.push(Part::Many);
    }
    Pattern { parts, cased: false }
}

/// What makes two names the same field within a dataset.
///
/// A column or a key of `unmapped` belongs to a field if it has the field's SQL name, or the field's
/// dotted name in any case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FieldKey {
    /// SQL name.
    pub sql: String,
    /// Dotted name in lower case.
    pub dotted: String,
}

impl FieldKey {
    /// The key of a column.
    pub fn of(column: &Column) -> FieldKey {
        FieldKey {
            sql: column.sql.to_string(),
            dotted: column.dotted.to_lowercase(),
        }
    }

    /// Whether a stored column is this field.
    pub fn is_column(&self, sql: &str, dotted: &str) -> bool {
        self.sql == sql || self.is_dotted(dotted)
    }

    /// Whether `name` is the dotted name in any case. Called for every column of every batch: the common
    /// case, ASCII of another length, costs a comparison.
    fn is_dotted(&self, name: &str) -> bool {
        if name.is_ascii() {
            self.dotted.eq_ignore_ascii_case(name)
        } else {
            self.dotted == name.to_lowercase()
        }
    }

    /// Whether what `unmapped` holds under this path (keys joined by dots, array positions left out) is
    /// this field: by its own name, or because the producer's name for it is declared under another.
    pub fn is_unmapped_path(&self, dataset: &Dataset, path: &str) -> bool {
        self.is_dotted(path) || self.sql == sql_name(path) || self.sql == *declared_sql(dataset, path)
    }

    /// [`FieldKey::is_unmapped_path`] for a path that many fields are compared with.
    pub fn is_unmapped(&self, path: &UnmappedPath) -> bool {
        self.is_dotted(&path.dotted) || self.sql == path.sql || self.sql == *path.declared
    }
}

/// A path within `unmapped` with the names of the fields that what lies there may belong to.
#[derive(Debug, Clone)]
pub struct UnmappedPath {
    /// Keys joined by dots, array positions left out.
    pub dotted: String,
    /// The SQL name that it has by itself.
    sql: String,
    /// The SQL name of the column that is declared for it.
    declared: Arc<str>,
}

impl UnmappedPath {
    /// `path` as events of `dataset` have it.
    pub fn new(dataset: &Dataset, path: &str) -> UnmappedPath {
        UnmappedPath {
            dotted: path.to_owned(),
            sql: sql_name(path),
            declared: declared_sql(dataset, path),
        }
    }
}

/// The SQL name of the column that the producer's name at `path` is declared under.
fn declared_sql(dataset: &Dataset, path: &str) -> Arc<str> {
    let native = match path.get(..dataset.prefix.len()) {
        Some(head) if head.eq_ignore_ascii_case(&dataset.prefix) => &path[dataset.prefix.len()..],
        _ => path,
    };
    dataset.column_of_native(native).sql
}

/// The declared name nearest to `name` over `datasets`, if one is near enough to be a slip of the pen.
pub fn nearest_field<'c>(name: &str, datasets: impl IntoIterator<Item = &'c Dataset>) -> Option<String> {
    let fields = datasets.into_iter().flat_map(|dataset| &dataset.fields);
    let spellings = fields.flat_map(|field| std::iter::once(&field.native).chain(&field.also));
    borzoi_rules::nearest(name, spellings.map(|spelling| &**spelling))
}
