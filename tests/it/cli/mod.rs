mod block;
mod ca;
mod command_line;
mod policy;
mod serve;
mod snapshots;
