mod log;
mod peer_texts;
