//! `logferry install`: a host goes from nothing to hourly shipping.

use super::host::{self, Report};
use crate::cli::{self, Install};
use crate::exit::Exit;
use crate::install::Result;
use crate::install::host::{Host, HostLock};
use crate::install::plan::{self, Installation, Scheduler, Trouble, Wanted};

/// Installs, or says what would be changed.
pub fn install(args: Install) -> Exit {
    let planned = host::open(&args.host).map_err(Trouble::from).and_then(|host| {
        let wanted = wanted(&host, &args)?;
        Ok((host, wanted))
    });
    let (host, wanted) = match planned {
        Ok(planned) => planned,
        Err(trouble) => return host::troubled(&args.host, trouble),
    };
    let nothing = "nothing to change: all is installed as asked for";
    // Nothing to change is fine on a host that can't be changed.
    let lock = (!args.host.dry_run).then(|| lock(&host));
    let Installation { plan, .. } = match plan(&host, &wanted) {
        Ok(installation) => installation,
        Err(trouble) => return host::troubled(&args.host, trouble),
    };
    if args.host.dry_run || plan.edits.is_empty() {
        return Report::of(&args.host, &plan, Vec::new()).print(nothing);
    }
    match lock.transpose().and_then(|_held| plan::carry_out(&host, &plan, || Ok(()))) {
        Ok(()) => Report::of(&args.host, &plan, Vec::new()).print(nothing),
        Err(problem) => Report::failed(&args.host, *problem).print(nothing),
    }
}

/// The right to change the host, and what others have left half done taken away.
fn lock(host: &Host) -> Result<HostLock> {
    let held = host.lock()?;
    plan::sweep(host)?;
    Ok(held)
}

fn wanted(host: &Host, args: &Install) -> std::result::Result<Wanted, Trouble> {
    let said = Wanted::said(host, args.to.clone(), &args.logs, args.instance.clone())?;
    let scheduler = args.scheduler.map(|scheduler| match scheduler {
        cli::Scheduler::Cron => Scheduler::Cron,
        cli::Scheduler::Systemd => Scheduler::Systemd,
    });
    Ok(Wanted { said, minute: args.at, splay: args.splay, scheduler, state_dir: args.state_dir.clone() })
}

fn plan(host: &Host, wanted: &Wanted) -> std::result::Result<Installation, Trouble> {
    plan::install(host, wanted, |name| std::env::var(name).ok())
}
