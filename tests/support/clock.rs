//! Commands whose clock is off.

use std::process::Command;

use super::{Ended, finish};

/// Runs a command whose clock is that far off (`+2h`), as libfaketime makes it; what files say of their age is true.
pub(crate) fn with_clock(offset: &str, command: &Command) -> Ended {
    let mut late = Command::new("faketime");
    late.args(["-f", offset]).arg(command.get_program()).args(command.get_args()).env_clear();
    late.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("NO_FAKE_STAT", "1");
    late.current_dir(command.get_current_dir().unwrap_or(std::path::Path::new("/")));
    let found = Command::new("faketime").arg("--version").output();
    found.expect("faketime is there: apt-get install faketime");
    finish(&mut late)
}
