mod block;
mod ca;
mod command_line;
mod serve;
mod snapshots;
