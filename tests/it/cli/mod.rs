mod block;
mod ca;
mod command_line;
mod config_check;
mod explain;
mod policy;
mod serve;
mod snapshots;
