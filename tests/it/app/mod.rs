mod block_lists;
mod reload;
