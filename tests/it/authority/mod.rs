#[cfg(feature = "gcp")]
mod google_ca;
mod rotation;
