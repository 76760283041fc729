//! # Borzoi: a streaming security analytics engine
//!
//! Raw logs in, Sigma alerts out, an open lake behind, SQL over it. This crate is the face of the library
//! and the command line; the parts can be used alone:
//!
//! - [`parsers`]: log bytes to Arrow batches with ECS names;
//! - [`rules`]: Sigma text to a checked intermediate representation;
//! - [`engine`]: matching, the lake, hunting.
//!
//! ```no_run
//! # async fn example() -> Result<(), borzoi::EngineError> {
//! let engine = borzoi::Engine::builder().rules("rules/pack")?.lake("lake")?.build()?;
//! let alerts = engine.ingest(borzoi::Input::path("logs/sysmon.ndjson")).await?;
//! for alert in &alerts {
//!     println!("{} {} {:?}", alert.time, alert.rule.title, alert.entities.hosts);
//! }
//! let table = engine
//!     .hunt("select user_name, count(*) from windows where event_code = 4625 group by 1")
//!     .await?;
//! # drop(table);
//! # Ok(())
//! # }
//! ```

pub mod demo;

pub use borzoi_engine as engine;
pub use borzoi_parsers as parsers;
pub use borzoi_rules as rules;

pub use borzoi_engine::alert::Alert;
pub use borzoi_engine::engine::{Engine, EngineBuilder, EngineError, Input};
pub use borzoi_engine::hunt::HuntResult;
