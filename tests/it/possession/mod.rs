mod refusals;
mod wycheproof;
