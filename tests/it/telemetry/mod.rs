mod lines;
mod log;
mod peer_texts;
