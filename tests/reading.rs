//! Reading a whole fleet's archive back: 10,000 objects of 100 instances, 20 services and 30 days, in a directory and in a
//! bucket; by our own commands, and by the engines that people have.

mod archive;
