//! The readers of lists of indicators, without the rest of the engine: their own files, as they are.

#[path = "../src/indicators"]
pub mod indicators {
    mod build;
    pub mod read;
    mod set;
    mod stored;
    mod url;
    pub mod value;

    pub use build::{Added, SetBuilder};
    pub use read::{FileReport, Loaded, load, load_text};
    pub use set::{About, Asked, Indicator, IndicatorSet, ListInfo, ListNumber, Memory, Settings};
    pub use value::{Kind, Value};
}
