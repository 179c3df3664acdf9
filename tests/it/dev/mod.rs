mod folder;
mod stack;
