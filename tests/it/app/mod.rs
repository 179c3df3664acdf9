mod blocked_keys;
mod reload;
