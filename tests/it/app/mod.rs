mod blocked_keys;
mod policy;
mod reload;
