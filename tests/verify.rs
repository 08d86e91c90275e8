//! `logferry verify`: what is complete is proved, and whatever is not is named.

mod believed;
mod deep;
mod hosts;
mod listing;
mod page;
mod planted;
mod s3;
mod unseen;
