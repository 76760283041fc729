//! The prompt of `borzoi hunt`: statements until `;`, commands after `\`.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use borzoi_engine::hunt::functions::HELP;
use borzoi_engine::hunt::output::{AnswerWriter, Format, Layout};
use borzoi_engine::hunt::{Hunt, HuntError, HuntResult, HuntStats, is_complete, statements};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use tokio::runtime::Runtime;

use super::hunt::screen_width;
use crate::exit::Failure;

/// Rows shown unless `\limit` says otherwise: a prompt is for looking, `--output` for taking everything.
const SHOWN: usize = 1000;

const KEYWORDS: &[&str] = &[
    "select",
    "from",
    "where",
    "group by",
    "order by",
    "having",
    "limit",
    "distinct",
    "as",
    "and",
    "or",
    "not",
    "in",
    "like",
    "ilike",
    "between",
    "is null",
    "is not null",
    "case",
    "when",
    "then",
    "else",
    "end",
    "join",
    "left join",
    "on",
    "using",
    "union all",
    "with",
    "desc",
    "asc",
    "interval",
    "explain",
    "explain analyze",
    "now()",
];

const COMMANDS: &str = "\
  \\d              list the tables
  \\d TABLE        show a table's columns, with all their names
  \\df             show the hunter's functions
  \\output FORMAT  print answers as table, json, jsonl or csv
  \\limit N        show at most N rows (0: all)
  \\timing         show or hide how long answers took
  \\?              this list
  \\q              leave (also Ctrl-D)
A statement ends with ; and may take several lines. Ctrl-C stops the running one. Tab completes names.";

struct Settings {
    format: Format,
    limit: Option<usize>,
    timing: bool,
}

/// Runs the prompt until it is left.
pub fn run(runtime: &Runtime, hunt: &Arc<Hunt>, format: Format, limit: Option<usize>) -> Result<(), Failure> {
    let mut settings = Settings {
        format,
        limit: limit.or(Some(SHOWN)),
        timing: true,
    };
    let config = Config::builder()
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .build();
    let mut editor: Editor<PromptHelper, DefaultHistory> =
        Editor::with_config(config).map_err(Failure::new)?;
    editor.set_helper(Some(PromptHelper { hunt: hunt.clone() }));
    let history = history_file();
    if let Some(path) = &history {
        // No history yet is no failure.
        let _ = editor.load_history(path);
    }
    anstream::println!("Ask in SQL and end with ; — \\? lists the commands, \\d the tables.");
    loop {
        match editor.readline("hunt> ") {
            Ok(line) => {
                let line = line.trim();
                if line.is_empty() {
                    continue;
                }
                editor.add_history_entry(line).map_err(Failure::new)?;
                if let Some(command) = line.strip_prefix('\\') {
                    if !obey(hunt, command, &mut settings) {
                        break;
                    }
                    continue;
                }
                for statement in statements(line) {
                    if let Err(error) = ask(runtime, hunt, statement, &settings) {
                        anstream::eprintln!("error: {error}");
                    }
                }
            }
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(Failure::new(error)),
        }
    }
    if let Some(path) = &history
        && let Some(folder) = path.parent()
        && std::fs::create_dir_all(folder).is_ok()
        && let Err(error) = editor.save_history(path)
    {
        anstream::eprintln!("the history could not be saved to {}: {error}", path.display());
    }
    Ok(())
}

/// Carries a `\` command out; `false` if it was the one that leaves.
fn obey(hunt: &Hunt, command: &str, settings: &mut Settings) -> bool {
    let (word, argument) = match command.split_once(char::is_whitespace) {
        Some((word, argument)) => (word, argument.trim().trim_end_matches(';')),
        None => (command.trim_end_matches(';'), ""),
    };
    match (word, argument) {
        ("q", _) => return false,
        ("?" | "h" | "help", _) => anstream::println!("{COMMANDS}"),
        ("d", "") => list_tables(hunt),
        ("d", table) => list_columns(hunt, table),
        ("df", _) => {
            for function in HELP {
                anstream::println!("  {:<48} {}", function.usage, function.gives);
            }
        }
        ("timing", _) => {
            settings.timing = !settings.timing;
            anstream::println!("timing is {}", if settings.timing { "on" } else { "off" });
        }
        ("output", format) => match format.parse() {
            Ok(Format::Parquet) => {
                anstream::eprintln!("parquet needs a file: borzoi hunt --output parquet --out FILE SQL");
            }
            Ok(format) => settings.format = format,
            Err(error) => anstream::eprintln!("error: {error}"),
        },
        ("limit", number) => match number.parse::<usize>() {
            Ok(number) => settings.limit = (number > 0).then_some(number),
            Err(_) => anstream::eprintln!("error: \\limit takes a number"),
        },
        (other, _) => anstream::eprintln!("error: there is no command \\{other}; \\? lists them"),
    }
    true
}

fn list_tables(hunt: &Hunt) {
    let (full, empty): (Vec<_>, Vec<_>) = hunt.tables().partition(|(_, stored)| *stored);
    for (name, _) in full {
        anstream::println!("  {name}");
    }
    let empty: Vec<&str> = empty.into_iter().map(|(name, _)| name).collect();
    if !empty.is_empty() {
        anstream::println!("without rows: {}", empty.join(", "));
    }
}

fn list_columns(hunt: &Hunt, table: &str) {
    let name = table.to_lowercase().replace('.', "_");
    let Some(columns) = hunt.columns(&name) else {
        anstream::eprintln!("error: there is no table {table}; \\d lists them");
        return;
    };
    let widest = columns.iter().map(|column| column.sql.len()).max().unwrap_or(0);
    for column in columns {
        anstream::println!(
            "  {:<widest$}  {:<12} {}",
            column.sql,
            column.type_name(),
            column.dotted
        );
    }
}

/// Answers one statement. Ctrl-C ends the answer, not the program.
fn ask(runtime: &Runtime, hunt: &Arc<Hunt>, sql: &str, settings: &Settings) -> Result<(), HuntError> {
    let (hunt, sql) = (hunt.clone(), sql.to_owned());
    // One row more than is shown tells whether there are more.
    let limit = settings.limit.map(|limit| limit.saturating_add(1));
    // On its own task: a busy query must not keep the signal from being noticed.
    let mut answering = runtime.spawn(async move { hunt.stream(&sql, limit).await?.collect().await });
    let answer = runtime.block_on(async {
        tokio::select! {
            answer = &mut answering => Some(answer),
            _ = tokio::signal::ctrl_c() => None,
        }
    });
    let answer = match answer {
        Some(Ok(answer)) => answer?,
        Some(Err(error)) => return Err(HuntError::Execution(error.to_string())),
        None => {
            answering.abort();
            anstream::println!("stopped");
            return Ok(());
        }
    };
    show(answer, settings)
}

fn show(answer: HuntResult, settings: &Settings) -> Result<(), HuntError> {
    let layout = Layout {
        width: screen_width(),
        hide_empty: answer.wildcard,
    };
    let stdout = std::io::BufWriter::new(std::io::stdout());
    let mut writer = AnswerWriter::new(stdout, settings.format, &answer.schema, layout)?;
    let mut room = settings.limit.unwrap_or(usize::MAX);
    for batch in &answer.batches {
        let rows = batch.num_rows().min(room);
        writer.write(&batch.slice(0, rows))?;
        room -= rows;
    }
    let hidden = writer.finish()?;
    let mut notes = vec![match settings.limit {
        Some(limit) if answer.stats.rows > limit => format!("first {limit} rows, \\limit 0 for all"),
        _ => counted(answer.stats.rows, "row"),
    }];
    if hidden > 0 {
        notes.push(format!("{} without a value not shown", counted(hidden, "column")));
    }
    notes.push(cost(&answer.stats));
    if settings.timing {
        notes.push(spoken(answer.stats.elapsed));
    }
    anstream::println!("({})", notes.join(", "));
    Ok(())
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn cost(stats: &HuntStats) -> String {
    let bytes = stats.bytes_scanned as f64;
    let read = match stats.bytes_scanned {
        0..1_000 => format!("{} bytes", stats.bytes_scanned),
        1_000..1_000_000 => format!("{:.1} kB", bytes / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes / 1e6),
        _ => format!("{:.2} GB", bytes / 1e9),
    };
    format!("{read} read from {}", counted(stats.files, "file"))
}

fn spoken(elapsed: Duration) -> String {
    if elapsed < Duration::from_secs(1) {
        format!("{} ms", elapsed.as_millis())
    } else {
        format!("{:.2} s", elapsed.as_secs_f64())
    }
}

/// `$XDG_STATE_HOME/borzoi/hunt_history`, by default below `~/.local/state`.
fn history_file() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")))?;
    Some(state.join("borzoi").join("hunt_history"))
}

struct PromptHelper {
    hunt: Arc<Hunt>,
}

impl Helper for PromptHelper {}

impl Hinter for PromptHelper {
    type Hint = String;
}

impl Highlighter for PromptHelper {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        Cow::Borrowed(prompt)
    }
}

impl Validator for PromptHelper {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let input = context.input().trim();
        Ok(
            if input.is_empty() || input.starts_with('\\') || is_complete(input) {
                ValidationResult::Valid(None)
            } else {
                ValidationResult::Incomplete
            },
        )
    }
}

impl Completer for PromptHelper {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let start = line[..pos]
            .rfind(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '@')))
            .map_or(0, |at| at + line[at..].chars().next().map_or(1, char::len_utf8));
        let typed = line[start..pos].to_lowercase();
        if typed.is_empty() {
            return Ok((pos, Vec::new()));
        }
        Ok((start, candidates(&self.hunt, line, &typed)))
    }
}

/// Names that begin like `typed`: columns of the tables that the line mentions (of `events` if none),
/// tables, functions, words of SQL.
fn candidates(hunt: &Hunt, line: &str, typed: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut offer = |name: &str| {
        if name.to_lowercase().starts_with(typed) {
            found.push(name.to_owned());
        }
    };
    let words: Vec<String> = line
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.')))
        .map(|word| word.to_lowercase().replace('.', "_"))
        .collect();
    let mut mentioned: Vec<&str> = hunt
        .tables()
        .map(|(name, _)| name)
        .filter(|name| words.iter().any(|word| word == name))
        .collect();
    if mentioned.is_empty() {
        mentioned.push("events");
    }
    for column in mentioned.iter().filter_map(|table| hunt.columns(table)).flatten() {
        // Whoever types a dot means the dotted name.
        offer(if typed.contains('.') {
            &column.dotted
        } else {
            &column.sql
        });
    }
    hunt.tables().for_each(|(name, _)| offer(name));
    hunt.function_names()
        .iter()
        .for_each(|name| offer(&format!("{name}(")));
    KEYWORDS.iter().for_each(|word| offer(word));
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use borzoi_engine::hunt::HuntOptions;

    #[test]
    fn completion_knows_tables_columns_functions_and_words() {
        let hunt = Hunt::over(Vec::new(), HuntOptions::default()).expect("a hunt over nothing");
        let of = |line: &str, typed: &str| candidates(&hunt, line, typed);
        assert!(of("select * from windows_sy", "windows_sy").contains(&"windows_sysmon".to_owned()));
        assert!(
            of("select process_comm from windows_sysmon", "process_comm")
                .contains(&"process_command_line".to_owned())
        );
        assert!(
            of("select process.comm from windows_sysmon", "process.comm")
                .contains(&"process.command_line".to_owned())
        );
        assert!(of("select cidr_", "cidr_").contains(&"cidr_contains(".to_owned()));
        assert!(of("sel", "sel").contains(&"select".to_owned()));
    }

    #[test]
    fn commands_change_settings_and_q_leaves() {
        let hunt = Hunt::over(Vec::new(), HuntOptions::default()).expect("a hunt over nothing");
        let mut settings = Settings {
            format: Format::Table,
            limit: Some(SHOWN),
            timing: true,
        };
        assert!(obey(&hunt, "output csv", &mut settings));
        assert!(obey(&hunt, "limit 0", &mut settings));
        assert!(obey(&hunt, "timing", &mut settings));
        assert!(obey(&hunt, "nonsense", &mut settings));
        assert_eq!(
            (settings.format, settings.limit, settings.timing),
            (Format::Csv, None, false)
        );
        assert!(!obey(&hunt, "q", &mut settings));
    }
}
