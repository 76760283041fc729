//! The functions by name.

/// A function that takes values and gives one.
///
/// `wildcard`, `match`, `matchLite`, `cidrMatch`, `arraySearch` and `arrayCount` are expressions of their
/// own: their patterns and conditions are read with the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// Sum.
    Add,
    /// Whether a list has any of the values.
    ArrayContains,
    /// The text between two others.
    Between,
    /// Texts in a row.
    Concat,
    /// Quotient.
    Divide,
    /// Whether a text ends with another.
    EndsWith,
    /// Where a text first stands in another.
    IndexOf,
    /// Characters of a text, elements of a list.
    Length,
    /// Remainder.
    Modulo,
    /// Product.
    Multiply,
    /// A text as number.
    Number,
    /// The value itself.
    Safe,
    /// Whether a text starts with another.
    StartsWith,
    /// A value as text.
    String,
    /// Whether a text contains another.
    StringContains,
    /// Part of a text by positions.
    Substring,
    /// Difference.
    Subtract,
}

impl Function {
    /// Whether it can only give a number or null.
    pub(crate) fn is_numeric(self) -> bool {
        matches!(
            self,
            Function::Add
                | Function::Divide
                | Function::IndexOf
                | Function::Length
                | Function::Modulo
                | Function::Multiply
                | Function::Number
                | Function::Subtract
        )
    }
}

/// How a function's name is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain(Function),
    Wildcard,
    Match,
    Cidr,
    Search,
    Count,
}

/// What a function may be given.
pub(crate) struct Signature {
    pub name: &'static str,
    pub kind: Kind,
    pub least: usize,
    pub most: usize,
    /// Whether it may be written with `~`.
    pub folds: bool,
}

const fn plain(name: &'static str, function: Function, least: usize, most: usize, folds: bool) -> Signature {
    Signature {
        name,
        kind: Kind::Plain(function),
        least,
        most,
        folds,
    }
}

const fn special(name: &'static str, kind: Kind, least: usize, most: usize, folds: bool) -> Signature {
    Signature {
        name,
        kind,
        least,
        most,
        folds,
    }
}

const MANY: usize = usize::MAX;

pub(crate) const FUNCTIONS: [Signature; 23] = [
    plain("add", Function::Add, 2, 2, false),
    plain("arrayContains", Function::ArrayContains, 2, MANY, true),
    special("arrayCount", Kind::Count, 3, 3, false),
    special("arraySearch", Kind::Search, 3, 3, false),
    plain("between", Function::Between, 3, 5, true),
    special("cidrMatch", Kind::Cidr, 2, MANY, false),
    plain("concat", Function::Concat, 1, MANY, false),
    plain("divide", Function::Divide, 2, 2, false),
    plain("endsWith", Function::EndsWith, 2, MANY, true),
    plain("indexOf", Function::IndexOf, 2, 3, true),
    plain("length", Function::Length, 1, 1, false),
    special("match", Kind::Match, 2, MANY, true),
    special("matchLite", Kind::Match, 2, MANY, true),
    plain("modulo", Function::Modulo, 2, 2, false),
    plain("multiply", Function::Multiply, 2, 2, false),
    plain("number", Function::Number, 1, 2, false),
    plain("safe", Function::Safe, 1, 1, false),
    plain("startsWith", Function::StartsWith, 2, MANY, true),
    plain("string", Function::String, 1, 1, false),
    plain("stringContains", Function::StringContains, 2, MANY, true),
    plain("substring", Function::Substring, 2, 3, false),
    plain("subtract", Function::Subtract, 2, 2, false),
    special("wildcard", Kind::Wildcard, 2, MANY, true),
];

/// The function of this name. Case does not count: public rules write `cidrmatch` as well.
pub(crate) fn signature(name: &str) -> Option<&'static Signature> {
    FUNCTIONS
        .iter()
        .find(|signature| signature.name.eq_ignore_ascii_case(name))
}
