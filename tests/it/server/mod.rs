mod held_memory;
mod listeners;
