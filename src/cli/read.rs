//! The arguments of the commands that read back what was shipped.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::StoreArgs;
use crate::archive::{Days, Filter, NamePattern};
use crate::config;
use crate::model::names::Service;
use crate::model::time::Moment;
use crate::model::when::When;

/// Where to read from.
#[derive(Debug, Args)]
pub struct ReadArgs {
    /// Where from.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Look at all objects of the store, not only at those in the directories of `layout`, `former_layouts` and the default
    /// layout: a request for each 1,000 objects
    #[arg(long)]
    pub any_layout: bool,
}

/// Reading on this machine.
#[derive(Debug, Args)]
pub struct LocalArgs {
    /// Read what is on this machine, instead of the store: segments that wait in the spool, and those that `keep` in the
    /// configuration leaves here. Needs neither store nor network, but to be root
    #[arg(long)]
    pub local: bool,
    /// With --local: where logferry keeps its spool
    #[arg(long, value_name = "DIR", env = "LOGFERRY_STATE_DIR", default_value = config::DEFAULT_STATE_DIR)]
    pub state_dir: PathBuf,
}

/// Which segments are read, besides those of a service.
#[derive(Debug, Default, Args)]
pub struct FilterArgs {
    /// Only segments that may hold something of this time or later: 2026-11-21T14:00:00Z, 2026-11-21 (that day from its
    /// beginning, in UTC), 2h (two hours ago), 3d, yesterday, today or now
    #[arg(long, value_name = "T", value_parser = When::parse, allow_hyphen_values = true)]
    pub since: Option<When>,
    /// Only segments that may hold something of this time or earlier, given as for --since; of a day until its end
    #[arg(long, value_name = "T", value_parser = When::parse, allow_hyphen_values = true)]
    pub until: Option<When>,
    /// Only what this machine shipped, as object keys name it, or machines: 'i-0abc*'; several times for more
    #[arg(long, value_name = "INSTANCE", value_parser = NamePattern::parse)]
    pub instance: Vec<NamePattern>,
    /// Only what machines of this host name shipped, or of such names: 'web-*.example.com'; several times for more. One
    /// object of each stream is asked for it, which is a request each
    #[arg(long, value_name = "HOST", value_parser = NamePattern::parse)]
    pub host: Vec<NamePattern>,
    /// With --since: look at all days, not only at those from eight days before. Without it, a segment that began earlier, of
    /// a log that had been silent for so long, may be left out where the service has more than 1,000 objects before. A request
    /// for each 1,000 objects of the service
    #[arg(long)]
    pub any_day: bool,
}

impl FilterArgs {
    /// The filter for these services, or for all where none is named; times are reckoned from `now`.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn filter(&self, services: &[OsString], now: Moment) -> Result<Filter, String> {
        let named = services.iter().map(|name| Service::asked(name.clone()).ok_or("a service has a name"));
        let services = named.collect::<Result<Vec<_>, _>>()?;
        let (since, until) = (self.since.map(|when| when.begin(now)), self.until.map(|when| when.end(now)));
        if let (Some(since), Some(until)) = (since, until)
            && since > until
        {
            return Err(format!("--since {} is after --until {}", since.to_second(), until.to_second()));
        }
        let (instances, hosts) = (self.instance.clone(), self.host.clone());
        let days = if self.any_day { Days::All } else { Days::Near };
        Ok(Filter { services, since, until, instances, hosts, days })
    }
}
