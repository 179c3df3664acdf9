mod hashes;
mod refusals;
mod wycheproof;
