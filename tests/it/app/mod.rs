mod block_lists;
mod policy;
mod reload;
