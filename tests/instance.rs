//! What is known of this machine: from the metadata service, the hardware, the configuration.

mod service;
