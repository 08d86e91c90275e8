//! `install` and `uninstall`: on images of the tests' own, with real cron, with systemd's own checks.

mod cron;
mod failures;
mod image;
mod lifecycle;
mod options;
mod purge;
mod refusals;
mod round_trip;
