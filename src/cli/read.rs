//! The arguments of the commands that read back what was shipped.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

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
    /// With --since: no segment lasts longer than this, 1d or 31d. Only so many days before it are listed then. Without it, the days
    /// before are looked at too, for what may reach into that time: as many as 500,000 objects, which is 500 requests
    #[arg(long, value_name = "DURATION", value_parser = parse_span, requires = "since", conflicts_with = "any_day")]
    pub longest: Option<Duration>,
    /// With --since or --until: look at all days of the services, however many objects they hold. A request for each 1,000
    #[arg(long)]
    pub any_day: bool,
}

/// Reads how long something lasts or is kept: `2h`, `90d`, `7years`.
pub(super) fn parse_span(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err(format!("{text:?} is no time")),
        Ok(span) => Ok(span),
        Err(error) => Err(format!("{text:?} is not a time such as \"2h\" or \"90d\": {error}")),
    }
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
        let days = match self.longest {
            _ if self.any_day => Days::All,
            Some(longest) => Days::Within(longest),
            None => Days::Near,
        };
        Ok(Filter { services, since, until, instances, hosts, days })
    }
}
