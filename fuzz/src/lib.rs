//! Fuzz targets. What a target does with an input is in `targets/`; `bin/drive.rs` feeds it on any toolchain, `bin/guided.rs`
//! where libFuzzer can.

mod choices;
pub mod mutant;
pub mod targets;
mod world;
