//! What each parser promises, whatever it is given. The property tests and the fuzz targets hold them to it.

mod config;
mod keys;
mod layout;
mod records;
mod salvage;

pub use config::{configuration_text, valid_configuration};
pub use keys::{key, key_of, key_text, name_text};
pub use layout::{layout, layout_text};
pub use records::{garbled_record, record, record_text};
pub use salvage::{Damage, Sample, bytes_that_are_no_part, cut_part, damaged_part, sample};
