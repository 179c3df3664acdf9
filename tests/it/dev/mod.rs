mod ci;
mod folder;
mod stack;
mod static_log;
