//! A report as it is remembered: what a run came to, in numbers.

use std::collections::{BTreeMap, HashSet};

use super::{Item, Report};
use crate::model::history::{Amount, Command, Run};
use crate::model::names::Service;

impl Report {
    /// What is remembered of it.
    pub fn as_run(&self, command: Command) -> Run {
        let logs: HashSet<&str> = self.sealed.iter().map(|item| item.path.as_str()).collect();
        let run = Run::of_problems(command, self.started, self.finished, &self.problems);
        Run {
            exit_code: self.exit_code,
            logs: logs.len() as u64,
            sealed: amount(&self.sealed),
            shipped: amount(&self.shipped),
            waiting: amount(&self.waiting),
            ..run
        }
    }

    /// What was shipped of each service.
    pub fn shipped_by_service(&self) -> BTreeMap<Service, Amount> {
        let mut services: BTreeMap<Service, Amount> = BTreeMap::new();
        for item in &self.shipped {
            services.entry(item.service.clone()).or_default().add(item.amount());
        }
        services
    }
}

impl Item {
    fn amount(&self) -> Amount {
        Amount { segments: 1, raw_bytes: self.raw_bytes, bytes: self.bytes }
    }
}

fn amount(items: &[Item]) -> Amount {
    items.iter().fold(Amount::default(), |mut all, item| {
        all.add(item.amount());
        all
    })
}
