//! The checked form of a rule: what every evaluator works from.
//!
//! Everything that the text of a rule says in several ways is said here in one: modifiers are applied
//! (a `base64offset` value has become three literals), wildcards are parsed, conditions refer to searches
//! by position, filters are folded in. Meaning:
//!
//! - An event is a set of named fields; a field is absent, null, a scalar, or a list of scalars. A
//!   [`Matcher`] on a list holds if it holds for any element. Absent and null are the same.
//! - Strings compare without case unless `cased`: both sides are folded with Unicode lower case.
//! - Scalars compare as text: whole numbers in decimal, other numbers as Rust's shortest form, booleans
//!   as `true` and `false`. A number that a rule writes in another form (`1.50`, `0x10`) has become a
//!   choice of two texts: that form, and the decimal one.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// Place in a rule file; lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Location {
    /// The file, as it was named by the user.
    pub path: PathBuf,
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// How bad a match is. Ordered.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth knowing, never worth an alarm. Also the level of a rule that names none.
    #[default]
    Informational,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

/// What a rule says of itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Meta {
    /// `id`, as written; rules without one get a UUID-shaped hash of their content.
    pub id: Arc<str>,
    /// `title`.
    pub title: Arc<str>,
    /// `name`, by which correlations may refer to the rule.
    pub name: Option<String>,
    /// `level`.
    pub level: Level,
    /// `status`.
    pub status: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// `author`.
    pub author: Option<String>,
    /// `tags`, as written (`attack.t1059.001`).
    pub tags: Vec<String>,
    /// `references`.
    pub references: Vec<String>,
    /// `falsepositives`.
    pub false_positives: Vec<String>,
    /// `fields`: worth showing to the analyst.
    pub fields: Vec<String>,
    /// Where the rule stands.
    pub location: Location,
}

/// `logsource`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct LogSource {
    /// `product`.
    pub product: Option<String>,
    /// `category`.
    pub category: Option<String>,
    /// `service`.
    pub service: Option<String>,
}

/// A rule over single events.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectionRule {
    /// What it says of itself.
    pub meta: Meta,
    /// Which events it is for.
    pub log_source: LogSource,
    /// Its searches (`selection`, `filter_main`, …), including those of the filters applied to it.
    pub searches: Vec<Search>,
    /// Matches if any of these holds.
    pub conditions: Vec<Condition>,
    /// Placeholders (`%name%`) without a value. A rule that has any never matches and is counted apart.
    pub waiting_for: Vec<String>,
}

/// A named search.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// Its key in `detection`.
    pub name: String,
    /// What it asks.
    pub expression: Expression,
}

/// What a search asks of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// All hold. Empty: true.
    All(Vec<Expression>),
    /// Any holds. Empty: false.
    Any(Vec<Expression>),
    /// Does not hold.
    Not(Box<Expression>),
    /// A named field matches.
    Field {
        /// The name as the rule writes it.
        name: String,
        /// What is asked of it.
        matcher: Matcher,
    },
    /// Any string of the event contains this ([`Matcher::Pattern`] open on both sides, or
    /// [`Matcher::Regex`]).
    Keyword(Matcher),
}

/// A condition over the searches of the rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// All hold.
    All(Vec<Condition>),
    /// Any holds.
    Any(Vec<Condition>),
    /// Does not hold.
    Not(Box<Condition>),
    /// The search at this position holds.
    Search(usize),
}

/// What is asked of one field.
#[derive(Debug, Clone, PartialEq)]
pub enum Matcher {
    /// The text matches a wildcard pattern, from its first to its last character.
    Pattern(Pattern),
    /// The text contains a match of a regular expression.
    Regex(Regex),
    /// The text is an address in this network.
    Cidr(Cidr),
    /// The text is a number that compares so.
    Number(Comparison, f64),
    /// A part of a point in time (of a timestamp, in UTC) compares so.
    TimePart(TimePart, Comparison, i64),
    /// The field is absent or null.
    Null,
    /// The field is present (`true`) or not. Present means present and not null.
    Exists(bool),
    /// The text relates to the text of another field of the event. Never holds if either is absent.
    FieldRef {
        /// Name of the other field, as the rule writes it.
        field: String,
        /// How they relate.
        relation: Relation,
        /// Whether case counts.
        cased: bool,
    },
    /// The text is in a list that is kept outside of the rule, and at the event's time still was. No rule file says so;
    /// such rules are made of lists. It must not stand under a `not`: evaluators may first ask without the time.
    Listed(Listed),
}

/// One of many lists, and the sort of text that is looked up in it.
#[derive(Clone)]
pub struct Listed {
    /// The lists.
    pub lists: Arc<dyn Lists>,
    /// Which one.
    pub list: u32,
    /// What sort of text, as the lists number them.
    pub sort: u32,
}

impl Listed {
    fn identity(&self) -> (*const (), u32, u32) {
        (Arc::as_ptr(&self.lists).cast(), self.list, self.sort)
    }
}

/// The same list of the same lists, asked about the same sort of text.
impl PartialEq for Listed {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Listed {}

impl std::hash::Hash for Listed {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl fmt::Debug for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (lists, list, sort) = self.identity();
        write!(
            f,
            "Listed({:?} {list} of {lists:?}, {sort})",
            self.lists.name(self.list)
        )
    }
}

/// Lists of values, so many that they are looked up together.
pub trait Lists: Send + Sync {
    /// The name of a list.
    fn name(&self, list: u32) -> &str;

    /// Calls `found` with every list that a text of this sort is or ever was in, maybe more than once.
    fn lists_of(&self, sort: u32, text: &str, found: &mut dyn FnMut(u32));

    /// Whether values of a list are in it only until some time.
    fn expires(&self, list: u32) -> bool;

    /// Whether a text of this sort is in a list at a time, in microseconds since the epoch.
    fn holds_at(&self, list: u32, sort: u32, text: &str, time: i64) -> bool;

    /// What a list says of a text of this sort that is in it at a time, in words.
    fn describe(&self, list: u32, sort: u32, text: &str, time: i64) -> String;
}

/// A wildcard pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    /// Its parts, in order; no two literals in a row, no two [`Part::Many`] in a row. Empty: the empty text.
    pub parts: Vec<Part>,
    /// Whether case counts.
    pub cased: bool,
}

/// Part of a [`Pattern`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Part {
    /// This text; never empty.
    Literal(String),
    /// `?`: exactly one character (Unicode scalar value).
    One,
    /// `*`: any number of characters, none included; line breaks too.
    Many,
}

/// A regular expression.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Regex {
    /// The pattern, as the rule writes it but for what is plain text in PCRE and not in Rust's syntax: that
    /// is escaped. The flags below are not in it.
    pub pattern: String,
    /// `i`: case does not count.
    pub ignore_case: bool,
    /// `m`: `^` and `$` match at line breaks.
    pub multi_line: bool,
    /// `s`: `.` matches line breaks.
    pub dot_all: bool,
    /// What can run it.
    pub engine: RegexEngine,
}

/// What a regular expression needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RegexEngine {
    /// A finite automaton (regex-automata): linear time.
    Automaton,
    /// Look-around or back-references: a backtracking engine (fancy-regex) with a step limit.
    Backtracking,
}

/// A network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cidr {
    /// Its address, host bits cleared.
    pub network: IpAddr,
    /// Length of the prefix in bits.
    pub prefix: u8,
}

/// How numbers compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// =
    Equal,
    /// <
    Less,
    /// <=
    LessOrEqual,
    /// >
    Greater,
    /// >=
    GreaterOrEqual,
}

/// Part of a point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimePart {
    /// 0–59
    Minute,
    /// 0–23
    Hour,
    /// Day of the month, 1–31
    Day,
    /// ISO 8601 week, 1–53
    Week,
    /// 1–12
    Month,
    /// Four digits
    Year,
}

/// How two texts relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relation {
    /// They are the same.
    Equals,
    /// The field starts with the other.
    StartsWith,
    /// The field ends with the other.
    EndsWith,
    /// The field contains the other.
    Contains,
}
