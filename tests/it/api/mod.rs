mod hostile_input;
mod issuing;
mod three_adapters;
