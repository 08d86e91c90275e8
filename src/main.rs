//! logferry: parse, carry out, exit.

use std::process::ExitCode;

use clap::Parser;
use logferry::cli::{Cli, Command};
use logferry::cmd;

fn main() -> ExitCode {
    let Cli { command } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return cmd::misunderstood(&error),
    };
    let exit = match command {
        Command::Run(args) => cmd::run::run(args),
        Command::Flush(args) => cmd::flush::flush(args),
        Command::Lifecycle(args) => cmd::lifecycle::lifecycle(args),
        Command::Check(args) => cmd::check::check(args),
        Command::Status(args) => return cmd::status::status(&args),
        Command::Install(args) => cmd::install::install(args),
        Command::Uninstall(args) => cmd::uninstall::uninstall(args),
        Command::Ls(args) => cmd::ls::ls(args),
        Command::Cat(args) => cmd::cat::cat(&args),
        Command::Grep(args) => cmd::grep::grep(&args),
        Command::Fetch(args) => cmd::fetch::fetch(&args),
        Command::Verify(args) => cmd::verify::verify(args),
    };
    exit.into()
}
