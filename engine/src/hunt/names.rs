//! From the names that people write to the names that columns have.
//!
//! `source.ip`, `winlog.event_data.GrantedAccess`, `CommandLine` and `windows.sysmon` are all good SQL
//! here. The rewriting works on the *tokens* of a statement, before it is parsed: on the syntax tree it
//! would be too late, because a parser sees a function in the first word of `user.name`, and a keyword in
//! the last of `event.end`. Every replacement remembers where it stood, so that errors point at what the
//! person typed.
//!
//! A name is taken for a field only where nothing else in the statement is called so: aliases, tables
//! and real columns come first. A native name that means different columns in the datasets of the
//! statement is an error that lists them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use borzoi_parsers::catalog::{Catalog, Dataset, Resolution};
use borzoi_parsers::names::sql_name;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, Tokenizer, Word};

use super::HuntError;
use super::tables::UnionTable;

/// The names of one visible table.
#[derive(Debug)]
pub(crate) struct TableNames {
    columns: HashSet<Arc<str>>,
    /// Dotted name in lower case → SQL name.
    dotted: HashMap<String, Arc<str>>,
    datasets: Vec<Arc<Dataset>>,
}

/// What a field name comes to in a table.
enum Found {
    None,
    Column(Arc<str>),
    /// Several columns, each with a dataset that means it.
    Ambiguous(BTreeMap<Arc<str>, Arc<str>>),
}

impl TableNames {
    pub(crate) fn new(table: &UnionTable) -> Self {
        TableNames {
            columns: table.columns.iter().map(|c| c.sql.clone()).collect(),
            dotted: table
                .columns
                .iter()
                .map(|c| (c.dotted.to_lowercase(), c.sql.clone()))
                .collect(),
            datasets: table.datasets.clone(),
        }
    }

    fn has(&self, sql: &str) -> bool {
        self.columns.contains(sql)
    }

    /// The column that `name` means, if it means one.
    pub(crate) fn column(&self, name: &str) -> Option<Arc<str>> {
        match self.find(name) {
            Found::Column(sql) => Some(sql),
            Found::None | Found::Ambiguous(_) => None,
        }
    }

    /// What `name` means. Where datasets of a group keep a native name in different columns, the ECS one is
    /// meant if there is just one.
    fn find(&self, name: &str) -> Found {
        if let Some(sql) = self.dotted.get(&name.to_lowercase()) {
            return Found::Column(sql.clone());
        }
        if name.contains('.')
            && let Some(sql) = self.columns.get(sql_name(name).as_str())
        {
            return Found::Column(sql.clone());
        }
        let mut declared: BTreeMap<Arc<str>, Arc<str>> = BTreeMap::new();
        let mut undeclared = declared.clone();
        let mut ecs: BTreeSet<Arc<str>> = BTreeSet::new();
        for dataset in &self.datasets {
            let (column, meanings) = match dataset.resolve(name, None) {
                Resolution::Declared(column) => (column, &mut declared),
                Resolution::Undeclared(column) => (column, &mut undeclared),
            };
            if let Some(sql) = self.columns.get(&column.sql) {
                meanings
                    .entry(sql.clone())
                    .or_insert_with(|| dataset.name.clone());
                if Catalog::builtin().types().get(&column.dotted).is_some() {
                    ecs.insert(sql.clone());
                }
            }
        }
        let mut meanings = if declared.is_empty() { undeclared } else { declared };
        if meanings.len() > 1 {
            ecs.retain(|sql| meanings.contains_key(sql));
            if ecs.len() == 1 {
                meanings.retain(|sql, _| ecs.contains(sql));
            }
        }
        match meanings.len() {
            0 => Found::None,
            1 => meanings
                .pop_first()
                .map_or(Found::None, |(sql, _)| Found::Column(sql)),
            _ => Found::Ambiguous(meanings),
        }
    }
}

/// All names that a statement can use.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) tables: BTreeMap<String, TableNames>,
}

impl Names {
    /// The tables that have a column of this SQL name.
    pub(crate) fn having<'n>(&'n self, sql: &'n str) -> impl Iterator<Item = &'n str> {
        self.tables
            .iter()
            .filter(move |(_, table)| table.has(sql))
            .map(|(name, _)| name.as_str())
    }
}

/// A statement with its names made into column names.
#[derive(Debug)]
pub(crate) struct Rewritten {
    /// What to plan.
    pub(crate) sql: String,
    /// The visible tables it mentions.
    pub(crate) tables: Vec<String>,
    /// Whether it selects `*`.
    pub(crate) wildcard: bool,
    original: String,
    edits: Vec<Edit>,
    /// Every identifier as written, with its place in the original.
    identifiers: Vec<(String, usize)>,
}

#[derive(Debug)]
struct Edit {
    old_start: usize,
    old_end: usize,
    new_start: usize,
    new_end: usize,
}

/// A token that counts, with its byte range.
struct Piece {
    token: Token,
    start: usize,
    end: usize,
}

impl Piece {
    fn word(&self) -> Option<&Word> {
        match &self.token {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }
    fn keyword(&self) -> Keyword {
        self.word().map_or(Keyword::NoKeyword, |word| word.keyword)
    }
}

/// Rewrites one statement.
pub(crate) fn rewrite(sql: &str, names: &Names) -> Result<Rewritten, HuntError> {
    let pieces = tokenize(sql)?;
    let scope = Scope::of(&pieces, names);
    let mut edits: Vec<(usize, usize, String)> = Vec::new();
    let mut identifiers = Vec::new();
    let mut position = 0;
    while position < pieces.len() {
        let chain_end = chain_end(&pieces, position);
        if chain_end == position {
            position += 1;
            continue;
        }
        let pieces_of_name = &pieces[position..chain_end];
        let (start, end) = (pieces[position].start, pieces[chain_end - 1].end);
        let text: String = pieces_of_name
            .iter()
            .map(|piece| match &piece.token {
                Token::Word(word) => word.value.clone(),
                _ => ".".to_owned(),
            })
            .collect();
        identifiers.push((text.to_lowercase(), start));
        let ends_in_star = pieces
            .get(chain_end)
            .is_some_and(|p| matches!(p.token, Token::Period));
        if !ends_in_star
            && let Some(new) = replacement(&pieces, position, chain_end, &text, &scope, names, sql)?
        {
            edits.push((start, end, new));
        }
        position = chain_end;
    }
    let wildcard = pieces.iter().enumerate().any(|(at, piece)| {
        matches!(piece.token, Token::Mul)
            && at.checked_sub(1).is_some_and(|before| {
                matches!(pieces[before].token, Token::Period | Token::Comma)
                    || matches!(pieces[before].keyword(), Keyword::SELECT | Keyword::DISTINCT)
            })
    });
    Ok(apply(sql, edits, identifiers, scope.tables, wildcard))
}

fn apply(
    sql: &str,
    edits: Vec<(usize, usize, String)>,
    identifiers: Vec<(String, usize)>,
    tables: Vec<String>,
    wildcard: bool,
) -> Rewritten {
    let mut new = String::with_capacity(sql.len());
    let mut done = 0;
    let mut kept = Vec::with_capacity(edits.len());
    for (start, end, text) in edits {
        new.push_str(&sql[done..start]);
        let new_start = new.len();
        new.push_str(&text);
        kept.push(Edit {
            old_start: start,
            old_end: end,
            new_start,
            new_end: new.len(),
        });
        done = end;
    }
    new.push_str(&sql[done..]);
    Rewritten {
        sql: new,
        tables,
        wildcard,
        original: sql.to_owned(),
        edits: kept,
        identifiers,
    }
}

/// One past the last piece of the (dotted) name that starts at `position`; `position` if none does.
fn chain_end(pieces: &[Piece], position: usize) -> usize {
    let after_period = position
        .checked_sub(1)
        .is_some_and(|before| matches!(pieces[before].token, Token::Period));
    if after_period || pieces[position].word().is_none() {
        return position;
    }
    let mut end = position + 1;
    while let (Some(period), Some(word)) = (pieces.get(end), pieces.get(end + 1)) {
        let adjacent = period.start == pieces[end - 1].end && word.start == period.end;
        if !matches!(period.token, Token::Period) || word.word().is_none() || !adjacent {
            break;
        }
        end += 2;
    }
    end
}

fn replacement(
    pieces: &[Piece],
    start: usize,
    end: usize,
    text: &str,
    scope: &Scope,
    names: &Names,
    sql: &str,
) -> Result<Option<String>, HuntError> {
    let before = start.checked_sub(1).map(|at| &pieces[at]);
    let after = pieces.get(end);
    if matches!(after.map(|p| &p.token), Some(Token::LParen)) {
        return Ok(None);
    }
    if scope.table_positions.contains(&start) {
        let table = text.to_lowercase().replace('.', "_");
        return Ok((end > start + 1 && names.tables.contains_key(&table)).then_some(table));
    }
    let Some(first) = pieces[start].word() else {
        return Ok(None);
    };
    let dotted = end > start + 1;
    let quoted = first.quote_style.is_some();
    if dotted && let Some(target) = scope.aliases.get(&first.value.to_lowercase()) {
        let rest = &text[first.value.len() + 1..];
        let Some(table) = target.as_ref().and_then(|name| names.tables.get(name)) else {
            return Ok(None);
        };
        if table.has(&rest.to_lowercase()) {
            return Ok(None);
        }
        let qualifier = &sql[pieces[start].start..pieces[start].end];
        return match table.find(rest) {
            Found::Column(column) => Ok(Some(format!("{qualifier}.{column}"))),
            Found::None => Ok(None),
            Found::Ambiguous(meanings) => Err(ambiguous(rest, meanings, sql, pieces[start].start)),
        };
    }
    if !dotted {
        if quoted && scope.defined.contains(&first.value)
            || !quoted && scope.defined.contains(&first.value.to_lowercase())
            || is_alias_position(before)
        {
            return Ok(None);
        }
        // A word of SQL is a field only if it is spelled as no SQL keyword usually is (`User`, `Status`).
        if first.keyword != Keyword::NoKeyword
            && (is_clause(first.keyword)
                || first.value == first.value.to_uppercase()
                || first.value == first.value.to_lowercase()
                || matches!(after.map(|p| &p.token), Some(Token::SingleQuotedString(_))))
        {
            return Ok(None);
        }
    }
    let folded = if quoted {
        text.to_owned()
    } else {
        text.to_lowercase()
    };
    let mut meanings: BTreeMap<Arc<str>, Arc<str>> = BTreeMap::new();
    for table in scope.tables.iter().filter_map(|name| names.tables.get(name)) {
        if table.has(&folded) {
            return Ok(None);
        }
        match table.find(text) {
            Found::None => {}
            Found::Column(column) => {
                meanings.entry(column).or_insert_with(|| Arc::from(""));
            }
            Found::Ambiguous(several) => meanings.extend(several),
        }
    }
    match meanings.len() {
        0 => Ok(None),
        1 => Ok(meanings.pop_first().map(|(column, _)| column.to_string())),
        _ => Err(ambiguous(text, meanings, sql, pieces[start].start)),
    }
}

/// After a name, a literal or a closing parenthesis comes an alias, not an expression.
fn is_alias_position(before: Option<&Piece>) -> bool {
    match before.map(|piece| &piece.token) {
        Some(Token::Word(word)) => {
            word.quote_style.is_some()
                || matches!(
                    word.keyword,
                    Keyword::NoKeyword | Keyword::AS | Keyword::END | Keyword::NULL
                )
        }
        Some(
            Token::RParen
            | Token::RBracket
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::DoubleColon,
        ) => true,
        _ => false,
    }
}

fn is_clause(keyword: Keyword) -> bool {
    use Keyword::{
        ALL, AND, AS, ASC, BETWEEN, BY, CASE, CROSS, DESC, DISTINCT, ELSE, EXCEPT, EXISTS, EXPLAIN, FALSE,
        FROM, FULL, GROUP, HAVING, ILIKE, IN, INNER, INTERSECT, INTERVAL, IS, JOIN, LEFT, LIKE, LIMIT, NOT,
        NULL, OFFSET, ON, OR, ORDER, OUTER, OVER, PARTITION, RIGHT, SELECT, THEN, TRUE, UNION, USING, VALUES,
        WHEN, WHERE, WITH,
    };
    matches!(
        keyword,
        ALL | AND
            | AS
            | ASC
            | BETWEEN
            | BY
            | CASE
            | CROSS
            | DESC
            | DISTINCT
            | ELSE
            | EXCEPT
            | EXISTS
            | EXPLAIN
            | FALSE
            | FROM
            | FULL
            | GROUP
            | HAVING
            | ILIKE
            | IN
            | INNER
            | INTERSECT
            | INTERVAL
            | IS
            | JOIN
            | LEFT
            | LIKE
            | LIMIT
            | NOT
            | NULL
            | OFFSET
            | ON
            | OR
            | ORDER
            | OUTER
            | OVER
            | PARTITION
            | RIGHT
            | SELECT
            | THEN
            | TRUE
            | UNION
            | USING
            | VALUES
            | WHEN
            | WHERE
            | WITH
    )
}

/// What the statement itself gives names to.
#[derive(Default)]
struct Scope {
    /// Visible tables mentioned.
    tables: Vec<String>,
    /// Pieces at which a table is named.
    table_positions: BTreeSet<usize>,
    /// Names by which tables are called, in lower case → the visible table, if it is one.
    aliases: HashMap<String, Option<String>>,
    /// Other names that the statement defines: column aliases.
    defined: HashSet<String>,
}

impl Scope {
    fn of(pieces: &[Piece], names: &Names) -> Scope {
        let mut scope = Scope::default();
        // Whether the innermost parentheses stand in a FROM clause, where commas separate tables.
        let mut in_from = vec![false];
        let mut expects_table = false;
        let mut position = 0;
        while position < pieces.len() {
            let piece = &pieces[position];
            match (&piece.token, piece.keyword()) {
                (Token::LParen, _) => {
                    in_from.push(false);
                    expects_table = false;
                }
                (Token::RParen, _) => {
                    in_from.pop();
                    if in_from.is_empty() {
                        in_from.push(false);
                    }
                    if *in_from.last().unwrap_or(&false) {
                        scope.alias(pieces, position + 1, None);
                    }
                }
                (Token::Comma, _) => expects_table = *in_from.last().unwrap_or(&false),
                (Token::Word(_), Keyword::FROM | Keyword::JOIN) => {
                    expects_table = true;
                    if let Some(inside) = in_from.last_mut() {
                        *inside = true;
                    }
                }
                (
                    Token::Word(_),
                    Keyword::WHERE
                    | Keyword::GROUP
                    | Keyword::ORDER
                    | Keyword::HAVING
                    | Keyword::LIMIT
                    | Keyword::UNION
                    | Keyword::SELECT
                    | Keyword::ON
                    | Keyword::USING,
                ) => {
                    expects_table = false;
                    // After `ON …` another `, table` may follow, but not another table without JOIN.
                    if let Some(inside) = in_from.last_mut() {
                        *inside = false;
                    }
                }
                (Token::Word(_), Keyword::AS) => scope.after_as(pieces, position),
                (Token::Word(_), Keyword::LATERAL) => {}
                (Token::Word(_), _) if expects_table => {
                    let end = chain_end(pieces, position);
                    if end > position {
                        position = scope.table(pieces, position, end, names);
                        expects_table = false;
                        continue;
                    }
                }
                (Token::Word(word), _) if is_alias_position(position.checked_sub(1).map(|p| &pieces[p])) => {
                    scope.defined.insert(word.value.to_lowercase());
                }
                _ => {}
            }
            position += 1;
        }
        scope
    }

    /// Notes a table reference; gives the position after it and its alias.
    fn table(&mut self, pieces: &[Piece], start: usize, end: usize, names: &Names) -> usize {
        let text: String = pieces[start..end]
            .iter()
            .map(|piece| match &piece.token {
                Token::Word(word) => word.value.to_lowercase(),
                _ => "_".to_owned(),
            })
            .collect();
        self.table_positions.insert(start);
        let visible = names.tables.contains_key(&text).then(|| text.clone());
        if let Some(name) = &visible
            && !self.tables.contains(name)
        {
            self.tables.push(name.clone());
        }
        // `from a` makes `a.x` mean a column of `a`, alias or not; of a CTE we know nothing.
        self.aliases.insert(text, visible.clone());
        self.alias(pieces, end, visible)
    }

    /// Notes the alias at `position`, if there is one; gives the position after it.
    fn alias(&mut self, pieces: &[Piece], position: usize, table: Option<String>) -> usize {
        let mut at = position;
        if pieces.get(at).is_some_and(|p| p.keyword() == Keyword::AS) {
            at += 1;
        } else if pieces.get(at).is_none_or(|p| {
            p.word()
                .is_none_or(|w| w.quote_style.is_none() && w.keyword != Keyword::NoKeyword)
        }) {
            return position;
        }
        match pieces.get(at).and_then(Piece::word) {
            Some(word) => {
                let name = word.value.to_lowercase();
                self.defined.insert(name.clone());
                self.aliases.insert(name, table);
                at + 1
            }
            None => position,
        }
    }

    /// `expression AS name`, or `name AS (…)` of a CTE.
    fn after_as(&mut self, pieces: &[Piece], position: usize) {
        match pieces.get(position + 1).map(|p| &p.token) {
            Some(Token::Word(word)) => {
                self.defined.insert(word.value.to_lowercase());
            }
            Some(Token::LParen) => {
                let named = position.checked_sub(1).and_then(|before| pieces[before].word());
                if let Some(word) = named {
                    self.aliases.insert(word.value.to_lowercase(), None);
                    self.defined.insert(word.value.to_lowercase());
                }
            }
            _ => {}
        }
    }
}

fn tokenize(sql: &str) -> Result<Vec<Piece>, HuntError> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql)
        .with_unescape(false)
        .tokenize_with_location()
        .map_err(|error| {
            HuntError::sql(
                super::error::plain(&error.message),
                sql,
                Some(offset_of(sql, error.location)),
            )
        })?;
    let mut pieces: Vec<Piece> = Vec::with_capacity(tokens.len());
    let mut line_starts = vec![0];
    line_starts.extend(sql.match_indices('\n').map(|(at, _)| at + 1));
    for token in tokens {
        if matches!(token.token, Token::Whitespace(_) | Token::EOF) {
            continue;
        }
        let start = offset_in(sql, &line_starts, token.span.start);
        let end = offset_in(sql, &line_starts, token.span.end);
        // `@timestamp` may arrive as two tokens.
        if let Token::Word(word) = &token.token
            && let Some(last) = pieces.last_mut()
            && matches!(last.token, Token::AtSign)
            && last.end == start
        {
            let mut word = word.clone();
            word.value.insert(0, '@');
            word.keyword = Keyword::NoKeyword;
            last.token = Token::Word(word);
            last.end = end;
            continue;
        }
        pieces.push(Piece {
            token: token.token,
            start,
            end,
        });
    }
    Ok(pieces)
}

fn offset_in(sql: &str, line_starts: &[usize], location: Location) -> usize {
    let line = (location.line as usize).saturating_sub(1);
    let start = line_starts.get(line).copied().unwrap_or(sql.len());
    let column = (location.column as usize).saturating_sub(1);
    sql[start..]
        .char_indices()
        .nth(column)
        .map_or(sql.len(), |(at, _)| start + at)
}

fn offset_of(sql: &str, location: Location) -> usize {
    let mut line_starts = vec![0];
    line_starts.extend(sql.match_indices('\n').map(|(at, _)| at + 1));
    offset_in(sql, &line_starts, location)
}

fn ambiguous(name: &str, meanings: BTreeMap<Arc<str>, Arc<str>>, sql: &str, at: usize) -> HuntError {
    let list: Vec<String> = meanings
        .iter()
        .map(|(column, dataset)| {
            if dataset.is_empty() {
                column.to_string()
            } else {
                format!("{column} (in {dataset})")
            }
        })
        .collect();
    HuntError::sql(
        format!(
            "`{name}` means different columns here; write the one you want: {}",
            list.join(", ")
        ),
        sql,
        Some(at),
    )
}

impl Rewritten {
    /// A place in the rewritten statement as a byte offset of the original.
    pub(crate) fn original_offset(&self, line: u64, column: u64) -> usize {
        let new = offset_of(&self.sql, Location { line, column });
        let mut shift = 0isize;
        for edit in &self.edits {
            if new >= edit.new_end {
                shift = edit.old_end as isize - edit.new_end as isize;
            } else if new >= edit.new_start {
                return edit.old_start;
            }
        }
        new.saturating_add_signed(shift).min(self.original.len())
    }

    /// Where the original mentions `name` first.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let name = name.to_lowercase();
        let last = name.rsplit('.').next().unwrap_or(&name);
        self.identifiers
            .iter()
            .find(|(written, _)| *written == name)
            .or_else(|| {
                self.identifiers
                    .iter()
                    .find(|(written, _)| written == last || written.ends_with(&format!(".{last}")))
            })
            .map(|&(_, at)| at)
    }

    /// The statement as the person typed it.
    pub(crate) fn original(&self) -> &str {
        &self.original
    }
}

/// The statements in `sql`, separated by `;` (those in strings and comments aside), empty ones left out.
/// Text that cannot be taken apart is one statement.
///
/// ```
/// use borzoi_engine::hunt::statements;
/// assert_eq!(statements("select ';'; select 2 ;; -- done;"), ["select ';'", "select 2"]);
/// ```
pub fn statements(sql: &str) -> Vec<&str> {
    let Ok(pieces) = tokenize(sql) else {
        return vec![sql.trim()];
    };
    pieces
        .split(|piece| matches!(piece.token, Token::SemiColon))
        .filter_map(|statement| Some(&sql[statement.first()?.start..statement.last()?.end]))
        .collect()
}

/// Whether `sql` ends with a `;` that ends a statement.
pub fn is_complete(sql: &str) -> bool {
    tokenize(sql).is_ok_and(|pieces| {
        pieces
            .last()
            .is_some_and(|piece| matches!(piece.token, Token::SemiColon))
    })
}

/// The nearest of `candidates` to `wrong`, best first, at most three. Separators do not count
/// (`ComandLine` is near `process_command_line`), and a name may be near the end of a longer one.
pub(crate) fn nearest<'c>(wrong: &str, candidates: impl Iterator<Item = &'c str>) -> Vec<&'c str> {
    let bare = |name: &str| name.replace(['_', '.'], "").to_lowercase();
    let wrong = bare(wrong);
    let most = (wrong.len() / 4).max(1);
    let mut scored: Vec<(usize, usize, &str)> = candidates
        .filter_map(|candidate| {
            let whole = strsim::damerau_levenshtein(&wrong, &bare(candidate));
            // An end of the name counts if it is long enough not to be met by chance.
            let ends = candidate
                .match_indices('_')
                .map(|(at, _)| bare(&candidate[at + 1..]))
                .filter(|end| end.len() >= 5)
                .map(|end| strsim::damerau_levenshtein(&wrong, &end) + 1);
            let distance = ends.fold(whole, usize::min);
            (distance <= most).then_some((distance, candidate.len(), candidate))
        })
        .collect();
    scored.sort();
    scored.dedup_by(|a, b| a.2 == b.2);
    scored
        .into_iter()
        .take(3)
        .map(|(_, _, candidate)| candidate)
        .collect()
}

#[cfg(test)]
mod tests;
