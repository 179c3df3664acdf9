mod client;
mod logged;
