mod ci;
mod folder;
mod rekor;
mod stack;
mod static_log;
mod tuf;
