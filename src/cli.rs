//! What the user can type. Each struct's comments are the help text.

use std::path::PathBuf;

use borzoi_engine::lake::WriterOptions;
use borzoi_parsers::value::parse_timestamp;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::hunt::HuntArgs;

/// Watches log events stream by, matches detection rules against them, keeps them in open tables and
/// answers SQL.
#[derive(Debug, Parser)]
#[command(name = "borzoi", version, about, long_about = None, arg_required_else_help = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Say more (-v: what is done, -vv: details). The variable BORZOI_LOG takes a tracing filter.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// Show no progress and no summary, only results and errors.
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

const EXIT_CODES: &str = "Exit codes:
  0  done
  1  failed: the message says what and what to do
  2  wrong usage
  3  done, and an alert reached the level of --fail-on
  4  done, but an input could not be read to its end, or a rule did not load";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find the attacks in a generated day of logs, then ask the logs questions
    Demo(DemoArgs),
    /// Match rules against logs; with --lake also store the events and alerts
    Scan(Box<ScanArgs>),
    /// Read logs, or what a lake holds, for what is usual in them, and keep it for `borzoi scan --state`; nothing is told
    Learn(Box<LearnArgs>),
    /// Show what rules that learn know: how much, since when, how large
    Baselines(BaselinesArgs),
    /// Say that alerts of correlations and statistics are expected for a time
    #[command(subcommand)]
    Expected(ExpectedCommand),
    /// Print events as ECS JSON lines
    Parse(ParseArgs),
    /// Query the lake with SQL, or with rules
    Hunt(HuntArgs),
    /// Check, list, explain and test rules
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Show the datasets of the catalog, or one with its fields
    Datasets(DatasetsArgs),
    /// Look after the lake
    #[command(subcommand)]
    Lake(LakeCommand),
    /// Print the completion script of a shell
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write the man pages into a folder
    Man {
        /// The folder; made if it is not there.
        dir: PathBuf,
    },
}

/// How inputs are read; shared by the commands that read logs.
#[derive(Debug, Args)]
pub struct InputArgs {
    /// Files, folders (searched recursively), globs, or - for standard input; .gz and .zst are unpacked
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<String>,
    /// Take the input for this format instead of looking at its content
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Take the events for this dataset (see `borzoi datasets`)
    #[arg(long, value_name = "DATASET")]
    pub dataset: Option<String>,
    /// Take what a path, a sender or a port gives for a dataset: GLOB=DATASET, host:NAME-OR-NETWORK=DATASET,
    /// port:N=DATASET; repeat it for more
    #[arg(long = "pin", value_name = "WHAT=DATASET")]
    pub pins: Vec<String>,
    /// Time zone of timestamps that name none, as in the IANA database (Europe/Berlin) [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// Whose events these are [default: default]
    #[arg(long)]
    pub tenant: Option<String>,
    /// Folder with dataset descriptions of your own
    #[arg(long, value_name = "DIR")]
    pub catalog: Option<PathBuf>,
    /// Write every record that could not be parsed to this file, one JSON object a line, with the reason
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Keep the raw bytes of every event in event.original
    #[arg(long)]
    pub keep_original: bool,
    /// Columns to derive from others, of the families user-agent, url, domain, direction and decoded; or all, or none
    #[arg(long, value_name = "FAMILY", value_delimiter = ',', default_value = "all")]
    pub enrich: Vec<String>,
    /// A network of your own beside the private ones, for network.direction; repeat it for more
    #[arg(long = "own-network", value_name = "CIDR")]
    pub own_networks: Vec<String>,
    /// Number of threads that parse and match [default: all cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Most events in a batch
    #[arg(long, value_name = "N", default_value_t = 8192, hide = true)]
    pub batch_rows: usize,
}

/// Which rules; shared by the commands that need some.
#[derive(Debug, Args)]
pub struct RuleArgs {
    /// Rule files or folders (Sigma); the shipped pack if none is named
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub rules: Vec<PathBuf>,
    /// YAML file with the values of %placeholders%
    #[arg(long, value_name = "FILE")]
    pub placeholders: Option<PathBuf>,
    /// Lists of indicators (addresses, networks, domains, hashes, URLs): CSV, plain lists, JSON, STIX 2.1, MISP; files,
    /// folders or URLs. Each list is one more rule, which correlations call `indicator_NAME`
    #[arg(long, value_name = "PATH|URL", num_args = 1..)]
    pub indicators: Vec<PathBuf>,
    /// Leave out rules below this level
    #[arg(long, value_name = "LEVEL", value_enum, ignore_case = true)]
    pub min_level: Option<LevelName>,
}

/// Which catalog; shared by the commands that ask how rules meet datasets.
#[derive(Debug, Args)]
pub struct CatalogArgs {
    /// Folder with dataset descriptions of your own
    #[arg(long, value_name = "DIR")]
    pub catalog: Option<PathBuf>,
}

/// `borzoi demo`
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// The day is generated from this number: the same number, the same day
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// About how many events
    #[arg(long, default_value_t = 250_000)]
    pub events: usize,
    /// Keep the logs and the lake in this folder [default: a temporary one that is named at the end]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// `borzoi scan`
#[derive(Debug, Args)]
pub struct ScanArgs {
    /// Inputs.
    #[command(flatten)]
    pub input: InputArgs,
    /// Rules.
    #[command(flatten)]
    pub rules: RuleArgs,
    /// Store events and alerts in this folder of Delta tables
    #[arg(long, value_name = "DIR")]
    pub lake: Option<PathBuf>,
    /// How to print alerts [default: table on a terminal, jsonl otherwise]
    #[arg(short, long, value_enum)]
    pub output: Option<ScanOutput>,
    /// Also write a self-contained HTML report
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// End with exit code 3 if an alert has this level or a higher one
    #[arg(long, value_name = "LEVEL", value_enum, ignore_case = true)]
    pub fail_on: Option<LevelName>,
    /// Store a stream at least this often while events trickle in, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub flush_seconds: u64,
    /// Store when this many events are waiting
    #[arg(long, value_name = "N", default_value_t = WriterOptions::default().flush_rows, hide = true)]
    pub flush_rows: usize,
    /// Run this EQL query instead of rules: one alert for every match, with its events in order
    #[arg(long, value_name = "QUERY", group = "query", conflicts_with_all = ["rules", "indicators", "min_level"])]
    pub eql: Option<String>,
    /// Run this KQL query instead of rules
    #[arg(long, value_name = "QUERY", group = "query", conflicts_with_all = ["rules", "indicators", "min_level"])]
    pub kql: Option<String>,
    /// Case counts in the query
    #[arg(long, requires = "query")]
    pub case_sensitive: bool,
    /// How late an event may be for correlation rules and sequences: 90s, 10m, 1h [default: no limit, 5m for standard input]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    pub lateness: Option<Span>,
    /// Memory for the groups of correlation rules, and again for sequences, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 512)]
    pub window_memory: usize,
    /// Go on where the last scan with this folder ended, or was killed, and leave there where this one ends
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// How often URLs of indicators are asked for newer ones while a stream is read
    #[arg(long, value_name = "SPAN", value_parser = parse_span, default_value = "1h")]
    pub indicators_every: Span,
    /// With --state: nothing comes after these inputs, so decide what waits for more
    #[arg(long, requires = "state")]
    pub finish: bool,
    /// With --state: how often it is saved while the scan runs
    #[arg(long, value_name = "SPAN", value_parser = parse_span, default_value = "1m", requires = "state", hide = true)]
    pub state_every: Span,
    /// Do not tell what this file says is expected (see `borzoi expected`)
    #[arg(long, value_name = "FILE")]
    pub expected: Option<PathBuf>,
}

/// `borzoi learn`
#[derive(Debug, Args)]
#[command(mut_arg("paths", |arg| arg.required(false)))]
#[command(mut_arg("lake", |arg| arg.help("Learn from the events that this lake holds, instead of logs")))]
#[command(mut_arg("tenant", |arg| {
    arg.help("Whose events these are [default: default]; with --lake, only this tenant's [default: all]")
}))]
pub struct LearnArgs {
    /// What it has like a scan.
    #[command(flatten)]
    pub scan: ScanArgs,
    /// With --lake: only events at or after this time (2026-11-01, 2026-11-01T10:00:00Z)
    #[arg(long, value_name = "TIME", value_parser = parse_time, requires = "lake")]
    pub from: Option<Time>,
    /// With --lake: only events before this time
    #[arg(long, value_name = "TIME", value_parser = parse_time, requires = "lake")]
    pub to: Option<Time>,
}

/// `borzoi baselines`
#[derive(Debug, Args)]
pub struct BaselinesArgs {
    /// The folder of `borzoi learn` or `borzoi scan --state`
    #[arg(long, value_name = "DIR")]
    pub state: PathBuf,
    /// The rules that learned it.
    #[command(flatten)]
    pub rules: RuleArgs,
    /// The catalog.
    #[command(flatten)]
    pub catalog: CatalogArgs,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Structured::Table)]
    pub output: Structured,
}

/// `borzoi expected …`
#[derive(Debug, Subcommand)]
pub enum ExpectedCommand {
    /// Add alerts of `borzoi scan --output jsonl`: the same rule and group are told again when the number is further out
    Add {
        /// The file to add them to; made if it is not there
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// A file with alerts, one a line, or - for standard input
        #[arg(value_name = "ALERTS", default_value = "-")]
        alerts: String,
        /// For how long after the alert's time
        #[arg(long = "for", value_name = "SPAN", value_parser = parse_span, default_value = "30d")]
        span: Span,
        /// Why
        #[arg(long, default_value = "")]
        note: String,
    },
    /// List what is expected, with line numbers
    List {
        /// The file
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// How to print
        #[arg(short, long, value_enum, default_value_t = Structured::Table)]
        output: Structured,
    },
    /// Take a line out again
    Remove {
        /// The file
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// Its number, as `list` shows it
        line: usize,
    },
}

/// A length of time in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub i64);

/// `90s`, `10m`, `1h`, `2d`, `1w`.
fn parse_span(text: &str) -> Result<Span, String> {
    let seconds = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        Some('w') => 604_800,
        _ => 0,
    };
    let number = text.get(..text.len().saturating_sub(1)).unwrap_or_default();
    let micros = number.parse::<u32>().ok().filter(|_| seconds > 0);
    let micros = micros.and_then(|number| i64::from(number).checked_mul(seconds * 1_000_000));
    micros
        .map(Span)
        .ok_or_else(|| "a whole number and s, m, h, d or w, as in 10m".to_owned())
}

/// A point in time in microseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub i64);

/// `2026-11-01`, `2026-11-01T10:00:00Z`, `2026-11-01 12:00:00+02:00`; UTC where no zone is said.
pub fn parse_time(text: &str) -> Result<Time, String> {
    let day = || {
        let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        Some(day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_micros())
    };
    day()
        .or_else(|| parse_timestamp(text))
        .map(Time)
        .ok_or_else(|| "a day or a time, as in 2026-11-01 or 2026-11-01T10:00:00Z".to_owned())
}

/// `borzoi parse`
#[derive(Debug, Args)]
pub struct ParseArgs {
    /// Inputs.
    #[command(flatten)]
    pub input: InputArgs,
    /// Dotted keys on one level instead of nested objects
    #[arg(long)]
    pub flat: bool,
    /// Say of every record which parser took it, what it made of it and what it left over
    #[arg(long, conflicts_with = "flat")]
    pub explain: bool,
}

/// `borzoi rules …`
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Load rules and report every mistake
    Check {
        /// Files or folders; the shipped pack if none is named
        #[arg(value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// YAML file with the values of %placeholders%
        #[arg(long, value_name = "FILE")]
        placeholders: Option<PathBuf>,
        /// Lists of indicators that correlations refer to; may be repeated
        #[arg(long, value_name = "PATH|URL")]
        indicators: Vec<PathBuf>,
        /// The catalog that fields and log sources are looked up in.
        #[command(flatten)]
        catalog: CatalogArgs,
        /// Count warnings as failures
        #[arg(long)]
        strict: bool,
        /// How to print
        #[arg(short, long, value_enum, default_value_t = Structured::Table)]
        output: Structured,
    },
    /// List rules
    List {
        /// Files or folders; the shipped pack if none is named
        #[arg(value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// How to print
        #[arg(short, long, value_enum, default_value_t = Structured::Table)]
        output: Structured,
    },
    /// Show, condition by condition, why a rule matches an event or not; of statistics, what was measured and expected
    Explain {
        /// The rule file; of several rules in it, all are explained
        rule: PathBuf,
        /// A file with events
        #[arg(long, value_name = "FILE")]
        event: String,
        /// Take the events for this dataset
        #[arg(long, value_name = "DATASET")]
        dataset: Option<String>,
        /// YAML file with the values of %placeholders%
        #[arg(long, value_name = "FILE")]
        placeholders: Option<PathBuf>,
        /// Lists of indicators, to be explained too; may be repeated
        #[arg(long, value_name = "PATH|URL")]
        indicators: Vec<PathBuf>,
        /// The catalog.
        #[command(flatten)]
        catalog: CatalogArgs,
        /// At most this many events, or groups of a statistic
        #[arg(long, default_value_t = 10)]
        limit: usize,
    },
    /// Run the test events beside rules (X.test.ndjson for X.yml)
    Test {
        /// Files or folders; the shipped pack if none is named
        #[arg(value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// YAML file with the values of %placeholders%
        #[arg(long, value_name = "FILE")]
        placeholders: Option<PathBuf>,
        /// Lists of indicators that rules refer to; may be repeated
        #[arg(long, value_name = "PATH|URL")]
        indicators: Vec<PathBuf>,
        /// The catalog.
        #[command(flatten)]
        catalog: CatalogArgs,
    },
}

/// `borzoi datasets`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DatasetsArgs {
    /// What to do instead of showing them.
    #[command(subcommand)]
    pub command: Option<DatasetsCommand>,
    /// One dataset, with its fields.
    pub name: Option<String>,
    /// Folder with dataset descriptions of your own
    #[arg(long, value_name = "DIR")]
    pub catalog: Option<PathBuf>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Structured::Table)]
    pub output: Structured,
}

/// `borzoi datasets …`
#[derive(Debug, Subcommand)]
pub enum DatasetsCommand {
    /// Run the test lines in catalog files
    Test {
        /// One dataset; all if none is named
        name: Option<String>,
        /// The catalog.
        #[command(flatten)]
        catalog: CatalogArgs,
        /// How to print
        #[arg(short, long, value_enum, default_value_t = Structured::Table)]
        output: Structured,
    },
    /// Print the page that lists every dataset (docs/datasets.md)
    List {
        /// The catalog.
        #[command(flatten)]
        catalog: CatalogArgs,
    },
}

/// `borzoi lake …`
#[derive(Debug, Subcommand)]
pub enum LakeCommand {
    /// Show the tables: rows, files, bytes, first and last event
    Status {
        /// The lake's folder
        #[arg(long, value_name = "DIR", default_value = "lake")]
        lake: PathBuf,
        /// How to print
        #[arg(short, long, value_enum, default_value_t = Structured::Table)]
        output: Structured,
    },
}

/// How alerts are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ScanOutput {
    /// Grouped by rule, for people.
    Table,
    /// One alert a line.
    Jsonl,
    /// One alert a line, the main fields.
    Csv,
}

/// How lists are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Structured {
    /// For people.
    Table,
    /// One JSON document.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated, with a header.
    Csv,
}

/// A rule level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LevelName {
    /// Informational.
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

impl From<LevelName> for borzoi_rules::ir::Level {
    fn from(name: LevelName) -> Self {
        use borzoi_rules::ir::Level;
        match name {
            LevelName::Informational => Level::Informational,
            LevelName::Low => Level::Low,
            LevelName::Medium => Level::Medium,
            LevelName::High => Level::High,
            LevelName::Critical => Level::Critical,
        }
    }
}
