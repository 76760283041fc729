//! Integration tests of the engine, one binary.

mod cases;
mod lake;
mod matcher;
mod oracle;
