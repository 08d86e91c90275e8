//! Logs whose writers never let go: taken in their place, byte-exact, whatever happens to them meanwhile.

mod alike;
mod cut_short;
mod file_systems;
mod meddling;
mod power;
mod refusals;
mod renamed;
pub(crate) mod restarted;
pub(crate) mod scene;
pub(crate) mod shells;
mod speed;
mod zeros;
