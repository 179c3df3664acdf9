mod rates;
mod single_use;
