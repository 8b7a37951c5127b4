//! `layers QOP encode|decode BLOCK COUNT`: both ends of a layer that DIGEST-MD5 agreed on, in one process. Protects, or
//! reads, packets that carry BLOCK bytes each, COUNT rounds of about 256 KiB; prints how many bytes a round carried and the
//! median of the nanoseconds that it took, as one line of JSON. `bench/peers/layers.c` does the same with libsasl2.

mod ends;
mod task;

use ends::Ends;
use std::{env, error::Error, process::ExitCode};
use task::{Round, Task};

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let [qop, task, block, count] = words.as_slice() else { return usage() };
    let (Some(ssf), Some(task)) = (ssf(qop), Task::parse(task)) else { return usage() };
    let (Ok(block @ 1..), Ok(count @ 1..)) = (block.parse(), count.parse()) else { return usage() };
    match measure(ssf, task, block, count) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("layers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: layers auth-int|auth-conf encode|decode BLOCK COUNT");
    ExitCode::from(2)
}

/// The bits that lead to the qop; 128 to RC4.
fn ssf(qop: &str) -> Option<u32> {
    match qop {
        "auth-int" => Some(1),
        "auth-conf" => Some(128),
        _ => None,
    }
}

fn measure(ssf: u32, task: Task, block: usize, count: usize) -> Result<String, Box<dyn Error>> {
    let mut ends = Ends::agree(ssf)?;
    task.run(&mut ends, block, count / 10)?;
    let Round { bytes, time } = task.run(&mut ends, block, count)?;
    Ok(format!(r#"{{"bytes":{bytes},"ns":{}}}"#, time.as_nanos()))
}
