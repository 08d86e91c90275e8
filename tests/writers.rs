//! Every writer in its own way: asked by a signal or a command, found out by itself, or refused with the reason.

mod asked;
mod chosen;
mod daemons;
mod killed;
mod real;
mod trust;
